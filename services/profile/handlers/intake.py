"""What contacts do: a batch of sales, returns, web contacts, answers and vouchers into deltas of facets and the index of receipts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from libs.common.contracts import Event
from libs.common.contracts.pos import Return, Void
from libs.common.ids import derived_id
from services.profile.domain.contact import Return as ReturnContact
from services.profile.handlers.changes import Changes
from services.profile.handlers.contacts import (
    MasterData,
    contact_of,
    counts,
    is_purchase,
    returned_line_of,
    seconds_of,
    voided_lines_of,
    voucher_contact_of,
)
from services.profile.handlers.sales import bought_of
from services.profile.ports import FoundReceipt, ProfileStore, SoldReceipt, TakenBack

_REMEMBERED_IDS = 100_000


@lru_cache(_REMEMBERED_IDS)
def own_customer_id(identifier: str) -> str:
    """The customer that an identifier (`kind:value`) stands for as long as it is linked with no other."""
    return derived_id("customer", identifier)


async def take_contacts(store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """Receipts, web contacts and answers; returns how many events of each kind there were."""
    changes = Changes(first_id=await store.facets.reserve())
    sales, others = _sorted_out(events)
    changes.kinds["ignored"] = len(events) - len(sales) - len(others)
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


def _sorted_out(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """What was bought, and all else, without receipts that do not count."""
    sales: list[Event] = []
    others: list[Event] = []
    for event in events:
        if counts(event):
            (sales if is_purchase(event) else others).append(event)
    return sales, others


async def _take_receipts(
    store: ProfileStore, sales: Sequence[Event], others: Sequence[Event], changes: Changes
) -> None:
    changes.known = await master_data(store, sales)
    sold = _sold(sales, changes)
    taken = [back for event in others if (back := _taken_back(event, changes)) is not None]
    told_before = await store.receipts.register(sold, {back.receipt_id for back in taken})
    waited = await store.receipts.unpark(told_before) if told_before else ()
    if taken or waited:
        await _take_back(store, [*taken, *waited], changes)


def _sold(events: Sequence[Event], changes: Changes) -> list[SoldReceipt]:
    """Note each sale for its facet; a sale without an identifier changes none."""
    sold, anonymous = [], 0
    for event in events:
        bought = bought_of(event)
        if bought.holder is None:
            anonymous += 1
            sold.append(SoldReceipt(bought.receipt_id))
        else:
            sold.append(changes.buy(bought.holder, event, bought))
    changes.kinds["anonymous_purchase"] += anonymous
    changes.kinds["purchase"] += len(sold) - anonymous
    return sold


def holder_of(event: Event) -> str | None:
    """Whose purchase it is: an identifier's key."""
    return bought_of(event).holder


async def master_data(store: ProfileStore, purchases: Iterable[Event]) -> MasterData:
    """What is known of the items and stores of these sales and orders."""
    all_bought = [bought_of(event) for event in purchases]
    items = set[str]().union(*[bought.items for bought in all_bought])
    stores = {bought.store_id for bought in all_bought}
    return MasterData(await store.catalog.labels(items), await store.catalog.stores(stores))


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
