"""What a batch tells facets, gathered contact by contact; intake fills it, and stores it as deltas."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from libs.common.contracts import Event
from services.profile.domain.contact import Contact
from services.profile.domain.delta import Delta
from services.profile.domain.purchases import Bought, Noted
from services.profile.handlers.contacts import MasterData, note
from services.profile.ports import FoundReceipt, SoldReceipt


@dataclass(slots=True)
class Told:
    """What one facet is told in this batch, and the id of the delta that it will be."""

    delta_id: int
    bought: Noted | None = None
    others: list[Contact] = field(default_factory=list)
    currency: str | None = None
    accepted_at: datetime | None = None


@dataclass(slots=True)
class Changes:
    """What a batch tells facets, and what it was made of. The deltas' ids are `first_id` and the ones after it."""

    first_id: int = 0
    known: MasterData = field(default_factory=lambda: MasterData({}, {}))
    told: dict[str, Told] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, identifier: str, contact: Contact, accepted_at: datetime | None) -> None:
        """One more contact of an identifier."""
        self._told(identifier, accepted_at).others.append(contact)

    def buy(self, identifier: str, event: Event, bought: Bought) -> SoldReceipt:
        """One more purchase of an identifier, and where it lies."""
        told = self._told(identifier, event.received_at)
        if told.bought is None:
            told.bought = Noted()
        if told.currency is None or bought.currency < told.currency:
            told.currency = bought.currency
        return SoldReceipt(bought.receipt_id, told.delta_id, note(told.bought, event, bought, self.known))

    def _told(self, identifier: str, accepted_at: datetime | None) -> Told:
        told = self.told.get(identifier)
        if told is None:
            told = self.told[identifier] = Told(self.first_id + len(self.told))
        if accepted_at is not None and (told.accepted_at is None or told.accepted_at < accepted_at):
            told.accepted_at = accepted_at
        return told

    def deltas(self, *, quiet: bool = False) -> Mapping[int, tuple[str, Delta]]:
        """As they are stored."""
        labels = self.known.labels
        return {
            told.delta_id: (
                identifier,
                Delta(
                    tuple(told.others),
                    told.currency,
                    told.accepted_at,
                    quiet,
                    told.bought.columns(labels) if told.bought is not None else None,
                ),
            )
            for identifier, told in self.told.items()
        }

    def resolved(self, receipt: FoundReceipt) -> FoundReceipt:
        """The same receipt; its purchase is looked for in this batch when no earlier one holds it."""
        if receipt.purchase is not None or receipt.delta_id is None:
            return receipt
        identifier, told = next(found for found in self.told.items() if found[1].delta_id == receipt.delta_id)
        assert told.bought is not None  # noqa: S101 - receipts are of purchases
        return FoundReceipt(identifier=identifier, purchase=told.bought.columns(self.known.labels).at(receipt.position))
