"""What contacts do: a batch of sales, returns, web contacts, answers and vouchers into deltas of facets and the index of receipts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from libs.common.contracts import Event
from libs.common.contracts.pos import Receipt, Return, Void
from libs.common.ids import derived_id
from services.profile.domain.contact import Contact, PackedPurchase
from services.profile.domain.contact import Return as ReturnContact
from services.profile.domain.delta import Delta
from services.profile.handlers.contacts import (
    MasterData,
    contact_of,
    is_purchase,
    is_sale,
    purchase_of,
    returned_line_of,
    seconds_of,
    voided_lines_of,
    voucher_contact_of,
)
from services.profile.ports import FoundReceipt, ProfileStore, SoldReceipt, TakenBack

_REMEMBERED_IDS = 100_000


@lru_cache(_REMEMBERED_IDS)
def own_customer_id(identifier: str) -> str:
    """The customer that an identifier (`kind:value`) stands for as long as it is linked with no other."""
    return derived_id("customer", identifier)


@dataclass(slots=True)
class Told:
    """What one facet is told in this batch, and the id of the delta that it will be."""

    delta_id: int
    contacts: list[Contact] = field(default_factory=list)
    currency: str | None = None
    accepted_at: datetime | None = None


@dataclass(slots=True)
class Changes:
    """What a batch tells facets, and what it was made of. The deltas' ids are `first_id` and the ones after it."""

    first_id: int = 0
    told: dict[str, Told] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, identifier: str, contact: Contact, accepted_at: datetime | None, currency: str | None = None) -> Told:
        """One more contact of an identifier."""
        told = self.told.get(identifier)
        if told is None:
            told = self.told[identifier] = Told(self.first_id + len(self.told))
        told.contacts.append(contact)
        if accepted_at is not None and (told.accepted_at is None or told.accepted_at < accepted_at):
            told.accepted_at = accepted_at
        if currency is not None and (told.currency is None or currency < told.currency):
            told.currency = currency
        return told

    def deltas(self, *, quiet: bool = False) -> Mapping[int, tuple[str, Delta]]:
        """As they are stored."""
        return {
            told.delta_id: (identifier, Delta(tuple(told.contacts), told.currency, told.accepted_at, quiet))
            for identifier, told in self.told.items()
        }

    def resolved(self, receipt: FoundReceipt) -> FoundReceipt:
        """The same receipt; its purchase is looked for in this batch when no earlier one holds it."""
        if receipt.purchase is not None or receipt.delta_id is None:
            return receipt
        identifier = next(name for name, told in self.told.items() if told.delta_id == receipt.delta_id)
        purchase = self.told[identifier].contacts[receipt.position]
        assert isinstance(purchase, PackedPurchase)  # noqa: S101 - positions are of purchases
        return FoundReceipt(identifier=identifier, purchase=purchase)


async def take_contacts(store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """Receipts, web contacts and answers; returns how many events of each kind there were."""
    changes = Changes(first_id=await store.facets.reserve())
    real = [event for event in events if not _is_receipt(event) or event.data.counts]  # type: ignore[attr-defined]  # a receipt
    changes.kinds["ignored"] = len(events) - len(real)
    sales = [event for event in real if is_purchase(event)]
    others = [event for event in real if not is_purchase(event)] if len(sales) < len(real) else []
    await _take_receipts(store, sales, others, changes)
    for event in others:
        found = contact_of(event)
        if found is not None:
            changes.add(*found, event.received_at)
            changes.kinds[type(found[1]).__name__.lower()] += 1
    await _settle(store, changes)
    return +changes.kinds


async def take_vouchers(store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """What became of vouchers, into the facet of the identifier that the customer id was made from. No view shows them but the API's."""
    told = [found for event in events if (found := voucher_contact_of(event)) is not None]
    identifiers = await store.facets.identifiers_of({customer_id for customer_id, _ in told})
    changes = Changes(first_id=await store.facets.reserve() if identifiers else 0)
    for customer_id, contact in told:
        identifier = identifiers.get(customer_id)
        if identifier is not None:
            changes.add(identifier, contact, None)
            changes.kinds[type(contact).__name__.lower()] += 1
    changes.kinds["ignored"] = len(events) - changes.kinds.total()
    await _settle(store, changes, quiet=True)
    return +changes.kinds


def _is_receipt(event: Event) -> bool:
    return is_sale(event) or isinstance(event.data, Receipt)


async def _take_receipts(
    store: ProfileStore, sales: Sequence[Event], others: Sequence[Event], changes: Changes
) -> None:
    sold = _sold(sales, await master_data(store, sales), changes)
    taken = [back for event in others if (back := _taken_back(event, changes)) is not None]
    told_before = await store.receipts.register(sold, {back.receipt_id for back in taken})
    waited = await store.receipts.unpark(told_before) if told_before else ()
    if taken or waited:
        await _take_back(store, [*taken, *waited], changes)


def _sold(events: Sequence[Event], known: MasterData, changes: Changes) -> list[SoldReceipt]:
    """Note each sale for its facet; a sale without an identifier changes none."""
    sold = []
    for event in events:
        holder = holder_of(event)
        purchase = purchase_of(event, known)
        if holder is None:
            changes.kinds["anonymous_purchase"] += 1
            sold.append(SoldReceipt(receipt_id=purchase.receipt_id))
            continue
        told = changes.add(holder, purchase, event.received_at, event.data.currency)  # type: ignore[attr-defined]  # a sale or an order
        position = len(told.contacts) - 1
        sold.append(SoldReceipt(receipt_id=purchase.receipt_id, delta_id=told.delta_id, position=position))
        changes.kinds["purchase"] += 1
    return sold


def holder_of(event: Event) -> str | None:
    """Whose purchase it is: an identifier's key."""
    holder = event.data.customer if is_sale(event) else event.data.visitor  # type: ignore[attr-defined]  # a sale or an order
    return holder.key if holder else None


async def master_data(store: ProfileStore, purchases: Iterable[Event]) -> MasterData:
    """What is known of the items and stores of these sales and orders."""
    items: set[str] = set()
    stores: set[str] = set()
    for event in purchases:
        items.update([line.item_id for line in event.data.lines])  # type: ignore[attr-defined]  # a sale or an order
        if is_sale(event):
            stores.add(event.data.store_id)  # type: ignore[attr-defined]  # a sale
    return MasterData(await store.catalog.items(items), await store.catalog.stores(stores))


def _taken_back(event: Event, changes: Changes) -> TakenBack | None:
    """What is to be found on an earlier receipt; a return that names none counts at once for the one who brought it."""
    match event.data:
        case Void() as void:
            receipt_id, lines = void.voided_receipt_id, None
        case Return() as brought:
            receipt_id, lines = (
                brought.original_receipt_id or "",
                tuple(returned_line_of(line) for line in brought.lines),
            )
        case _:
            return None
    back = TakenBack(
        event_id=event.event_id,
        receipt_id=receipt_id,
        identifier=event.data.customer.key if event.data.customer else None,
        occurred_at=event.occurred_at,
        accepted_at=event.received_at,
        lines=lines,
    )
    if receipt_id:
        return back
    _note_return(back, back.identifier, changes)
    return None


async def _take_back(store: ProfileStore, taken: Sequence[TakenBack], changes: Changes) -> None:
    """Apply what belongs to receipts that are known, park the rest. A receipt is voided once, whoever says it again."""
    found = await store.receipts.find({back.receipt_id for back in taken})
    sold = {receipt_id: changes.resolved(receipt) for receipt_id, receipt in found.items()}
    waiting = [back for back in taken if back.receipt_id not in sold]
    await store.receipts.park(waiting)
    changes.kinds["parked"] += len(waiting)
    voided = set(
        await store.receipts.claim_voids({b.receipt_id for b in taken if b.lines is None and b.receipt_id in sold})
    )
    for back in taken:
        receipt = sold.get(back.receipt_id)
        if receipt is None:
            continue
        if back.lines is not None:
            _note_return(back, receipt.identifier or back.identifier, changes)
        elif back.receipt_id in voided:
            voided.discard(back.receipt_id)
            _note_void(back, receipt, changes)


def _note_return(back: TakenBack, identifier: str | None, changes: Changes) -> None:
    if identifier is None:
        changes.kinds["anonymous_return"] += 1
        return
    contact = ReturnContact(back.event_id, seconds_of(back.occurred_at), back.lines or ())
    changes.add(identifier, contact, back.accepted_at)
    changes.kinds["return"] += 1


def _note_void(back: TakenBack, receipt: FoundReceipt, changes: Changes) -> None:
    """As if it had not been: dated as the sale was, so that it matters little which void came first."""
    if receipt.purchase is None or receipt.identifier is None:
        changes.kinds["anonymous_return"] += 1
        return
    sold = receipt.purchase
    contact = ReturnContact(f"{sold.event_id}#void", sold.occurred_at_seconds, voided_lines_of(sold))
    changes.add(receipt.identifier, contact, back.accepted_at)
    changes.kinds["return"] += 1


async def _settle(store: ProfileStore, changes: Changes, *, quiet: bool = False) -> None:
    """Have the facets, and append what they are told."""
    if changes.told:
        await store.facets.make({identifier: own_customer_id(identifier) for identifier in changes.told})
        await store.facets.append(changes.deltas(quiet=quiet))
