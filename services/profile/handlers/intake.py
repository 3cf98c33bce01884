"""What contacts do: a batch of sales, returns, web contacts, answers and vouchers into facets, receipts and the learning queue."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from libs.common.contracts import Event
from libs.common.contracts.pos import Receipt, Return, Sale, Void
from libs.common.contracts.web import Ordered
from libs.common.ids import derived_id
from services.profile.domain.contact import Contact
from services.profile.domain.contact import Return as ReturnContact
from services.profile.domain.facet import Facet
from services.profile.domain.facet_of import apply_all
from services.profile.handlers.contacts import (
    MasterData,
    contact_of,
    purchase_of,
    returned_line_of,
    seconds_of,
    voided_lines_of,
    voucher_contact_of,
)
from services.profile.ports import FacetEffects, ProfileStore, QueuedBasket, SoldReceipt, TakenBack


def own_customer_id(identifier: str) -> str:
    """The customer that an identifier (`kind:value`) stands for as long as it is linked with no other."""
    return derived_id("customer", identifier)


@dataclass(slots=True)
class Changes:
    """What a batch will do to facets, and what it was made of."""

    contacts: defaultdict[str, list[Contact]] = field(default_factory=lambda: defaultdict(list))
    effects: dict[str, FacetEffects] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, identifier: str, contact: Contact, effects: FacetEffects) -> None:
        """One more contact of an identifier."""
        self.contacts[identifier].append(contact)
        known = self.effects.get(identifier)
        self.effects[identifier] = effects if known is None else plus(known, effects)
        self.kinds[type(contact).__name__.lower()] += 1


def plus(a: FacetEffects, b: FacetEffects) -> FacetEffects:
    """Both effects together."""
    return FacetEffects(
        receipts_count=a.receipts_count + b.receipts_count,
        lines_count=a.lines_count + b.lines_count,
        amount_cents=a.amount_cents + b.amount_cents,
        returns_count=a.returns_count + b.returns_count,
        refund_cents=a.refund_cents + b.refund_cents,
        contacts_count=a.contacts_count + b.contacts_count,
        currency=min((known for known in (a.currency, b.currency) if known is not None), default=None),
        accepted_at=later(a.accepted_at, b.accepted_at),
    )


def later(a: datetime | None, b: datetime | None) -> datetime | None:
    """The later of two times, if any."""
    return max((at for at in (a, b) if at is not None), default=None)


async def take_contacts(store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """Receipts, web contacts and answers; returns how many events of each kind there were."""
    changes = Changes()
    real = [event for event in events if not isinstance(event.data, Receipt) or event.data.counts]
    changes.kinds["ignored"] = len(events) - len(real)
    await _take_receipts(store, real, changes)
    for event in real:
        found = contact_of(event)
        if found is not None:
            changes.add(*found, FacetEffects(contacts_count=1, accepted_at=event.received_at))
    own_ids = await _settle(store, changes, apply_all)
    await store.facets.mark_dirty(own_ids)
    return +changes.kinds


async def take_vouchers(store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """What became of vouchers, into the facet of the identifier that the customer id was made from.

    No view shows them but the API's, which reads facets: so no customer becomes dirty.
    """
    changes = Changes()
    told = [(event, found) for event in events if (found := voucher_contact_of(event)) is not None]
    identifiers = await store.facets.identifiers_of({customer_id for _, (customer_id, _) in told})
    for _event, (customer_id, contact) in told:
        identifier = identifiers.get(customer_id)
        if identifier is not None:
            changes.add(identifier, contact, FacetEffects(contacts_count=1))
    changes.kinds["ignored"] = len(events) - changes.kinds.total()
    await _settle(store, changes, _quietly)
    return +changes.kinds


async def _take_receipts(store: ProfileStore, events: Sequence[Event], changes: Changes) -> None:
    sold = await _sold(store, [event for event in events if isinstance(event.data, Sale | Ordered)], changes)
    taken = [back for event in events if (back := _taken_back(event, changes)) is not None]
    await store.receipts.register([receipt for _, receipt in sold], {back.receipt_id for back in taken})
    await store.learning.enqueue(
        [QueuedBasket(occurred_at=r.occurred_at, identifier=r.identifier, purchase=r.purchase) for _, r in sold]
    )
    waited = await store.receipts.unpark({receipt.receipt_id for _, receipt in sold})
    if taken or waited:
        await _take_back(store, [*taken, *waited], changes)


async def _sold(store: ProfileStore, events: Sequence[Event], changes: Changes) -> list[tuple[Event, SoldReceipt]]:
    """Note each sale for its facet; a sale without an identifier changes none, and is learned from all the same."""
    known = await _master_data(store, events)
    sold = []
    for event in events:
        assert isinstance(event.data, Sale | Ordered)  # noqa: S101 - filtered by the caller
        holder = event.data.customer if isinstance(event.data, Sale) else event.data.visitor
        purchase = purchase_of(event, known)
        receipt = SoldReceipt(
            receipt_id=purchase.receipt_id,
            identifier=holder.key if holder else None,
            occurred_at=event.occurred_at,
            purchase=purchase,
        )
        sold.append((event, receipt))
        if receipt.identifier is None:
            changes.kinds["anonymous_purchase"] += 1
            continue
        effects = FacetEffects(
            receipts_count=1,
            lines_count=len(purchase.lines),
            amount_cents=sum(line.amount_cents for line in purchase.lines),
            contacts_count=1,
            currency=event.data.currency,
            accepted_at=event.received_at,
        )
        changes.add(receipt.identifier, purchase, effects)
    return sold


async def _master_data(store: ProfileStore, events: Iterable[Event]) -> MasterData:
    items: set[str] = set()
    stores: set[str] = set()
    for event in events:
        if isinstance(event.data, Sale | Ordered):
            items.update(line.item_id for line in event.data.lines)
        if isinstance(event.data, Sale):
            stores.add(event.data.store_id)
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
    sold = await store.receipts.find({back.receipt_id for back in taken})
    waiting = [back for back in taken if back.receipt_id not in sold]
    await store.receipts.park(waiting)
    changes.kinds["parked"] += len(waiting)
    voided = set(
        await store.receipts.claim_voids({b.receipt_id for b in taken if b.lines is None and b.receipt_id in sold})
    )
    await store.learning.drop([(sold[known].occurred_at, sold[known].purchase.event_id) for known in sorted(voided)])
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
    lines = back.lines or ()
    effects = FacetEffects(
        returns_count=1,
        refund_cents=sum(line.refund_cents for line in lines),
        contacts_count=1,
        accepted_at=back.accepted_at,
    )
    changes.add(identifier, ReturnContact(back.event_id, seconds_of(back.occurred_at), lines), effects)


def _note_void(back: TakenBack, receipt: SoldReceipt, changes: Changes) -> None:
    """As if it had not been: dated as the sale was, so that it matters little which void came first."""
    lines = voided_lines_of(receipt.purchase)
    dated = TakenBack(
        event_id=f"{receipt.purchase.event_id}#void",
        receipt_id=back.receipt_id,
        identifier=receipt.identifier,
        occurred_at=receipt.occurred_at,
        accepted_at=back.accepted_at,
        lines=lines,
    )
    _note_return(dated, receipt.identifier, changes)


async def _settle(store: ProfileStore, changes: Changes, grown: Callable[[Facet, list[Contact]], Facet]) -> list[str]:
    """Lock, change and save the facets; returns the customer ids that they stand for alone."""
    own_ids = {identifier: own_customer_id(identifier) for identifier in changes.contacts}
    facets = await store.facets.lock(own_ids)
    await store.facets.save(
        {
            identifier: (grown(facets[identifier], contacts), changes.effects[identifier])
            for identifier, contacts in changes.contacts.items()
        }
    )
    return list(own_ids.values())


def _quietly(facet: Facet, contacts: list[Contact]) -> Facet:
    """The facet after what we did, not the customer: its first and last contact stay, so no view depends on when we did it."""
    after = apply_all(facet, contacts)
    return replace(after, first_at_seconds=facet.first_at_seconds, last_at_seconds=facet.last_at_seconds)
