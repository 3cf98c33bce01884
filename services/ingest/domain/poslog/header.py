"""Which transaction it is, where, when, by whom, and which other one it speaks of; called by the mapping."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from libs.common.ids import derived_id
from services.ingest.domain.poslog.tree import Node
from services.ingest.domain.poslog.values import day_of, missing, moment_of, needed

_LOYALTY = ("LoyaltyAccountID", "LoyaltyID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The four parts by which tills name a transaction for ever."""

    store_id: str
    workstation_id: str
    business_day: date
    sequence_number: str

    @property
    def receipt_id(self) -> str:
        """The four parts as one text: the receipt's id in our events, the same wherever it is spoken of."""
        return f"{self.store_id}/{self.workstation_id}/{self.business_day}/{self.sequence_number}"

    @property
    def source(self) -> str:
        """The till as an event source."""
        return f"poslog/{self.store_id}/{self.workstation_id}"

    def event_id(self, kind: str) -> str:
        """The same transaction gives the same id, however often it is sent."""
        return derived_id(
            "poslog", self.store_id, self.workstation_id, str(self.business_day), self.sequence_number, kind
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What all transactions say before their lines."""

    reference: Reference
    occurred_at: datetime
    zone_was_assumed: bool
    cashier_id: str | None
    training: bool
    cancelled: bool


def header_of(transaction: Node, zone: tzinfo | None) -> Header:
    """The header; raises InvalidMessage when the transaction cannot be told from others or placed in time."""
    times = [(transaction.child(name), name) for name in ("EndDateTime", "BeginDateTime")]
    stated = [(element, f"/Transaction/{name}") for element, name in times if element and element.text.strip()]
    if not stated:
        raise missing("/Transaction/EndDateTime")
    occurred_at, assumed = moment_of(stated[0][0], zone, stated[0][1])
    day = transaction.text_of("BusinessDayDate") or stated[0][0].text.strip()
    unit = transaction.child("BusinessUnit")
    store_id = transaction.text_of("RetailStoreID") or (unit.text_of("UnitID") if unit else None)
    sequence = transaction.text_of("SequenceNumber", "TransactionID")
    return Header(
        reference=Reference(
            store_id=needed(store_id, "/Transaction/RetailStoreID"),
            workstation_id=needed(transaction.text_of("WorkstationID"), "/Transaction/WorkstationID"),
            business_day=day_of(day, "/Transaction/BusinessDayDate"),
            sequence_number=_plain(needed(sequence, "/Transaction/SequenceNumber")),
        ),
        occurred_at=occurred_at,
        zone_was_assumed=assumed,
        cashier_id=transaction.text_of("OperatorID"),
        training=transaction.flag("TrainingModeFlag"),
        cancelled=transaction.flag("CancelFlag"),
    )


def linked_receipt(link: Node | None, own: Reference, default_day: date | None) -> str | None:
    """The receipt that a TransactionLink names; its own store and till, and `default_day`, where the link leaves them out."""
    if link is None:
        return None
    sequence = link.text_of("SequenceNumber", "TransactionID")
    stated = link.text_of("BusinessDayDate", "BeginDateTime")
    day = day_of(stated, "TransactionLink/BusinessDayDate") if stated else default_day
    if sequence is None or day is None:
        return None
    unit = link.child("BusinessUnit")
    return Reference(
        store_id=link.text_of("RetailStoreID") or (unit.text_of("UnitID") if unit else None) or own.store_id,
        workstation_id=link.text_of("WorkstationID") or own.workstation_id,
        business_day=day,
        sequence_number=_plain(sequence),
    ).receipt_id


def loyalty_account(retail: Node) -> str | None:
    """The number of the customer's loyalty account, wherever the till wrote it."""
    found = retail.find(*_LOYALTY)
    return (found.text.strip() or None) if found else None


def _plain(number: str) -> str:
    """A sequence number without leading zeros: headers and links write them differently."""
    return (number.lstrip("0") or "0") if number.isdigit() else number
