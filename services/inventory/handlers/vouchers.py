"""The life of vouchers as demand to come, and how many met an empty shelf; called for `offers.vouchers.v1` and `ingest.pos.v1`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from libs.common.contracts import Event
from libs.common.contracts.offers import (
    VoucherExpired,
    VoucherIssued,
    VoucherRedeemed,
    VoucherRevoked,
    VoucherRolledBack,
)
from libs.common.contracts.pos import ScanOutcome, VoucherScanned
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.vouchers.vouchers import (
    Lesson,
    Line,
    Standing,
    change,
    last_day_of,
    promise_of,
    seconds_of,
)
from services.inventory.ports import InventoryStore
from services.inventory.ports.vouchers import ShelfQuestion

KEPT_DAYS = 60
"""How long after its last day a voucher is remembered: longer than its topic is."""


async def take_vouchers(store: InventoryStore, events: Sequence[Event]) -> int:
    """Bring what is known of each voucher up to date, and with it the demand to come; returns how many facts.

    What the sums become is a function of the facts alone: neither order nor repeats matter.
    """
    facts: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if isinstance(event.data, (VoucherIssued, VoucherRedeemed, VoucherRolledBack, VoucherExpired, VoucherRevoked)):
            facts[event.data.voucher_id].append(event)
    before = await store.vouchers.lock(facts)
    after = {}
    for voucher_id, heard in facts.items():
        standing = before[voucher_id]
        for event in heard:
            standing = _heard(standing, event)
        after[voucher_id] = standing
    await _save(store, before, await _judged(store, after), _newest(events))
    return sum(map(len, facts.values()))


async def take_presented(store: InventoryStore, events: Sequence[Event]) -> int:
    """Vouchers that a till refused: whether their shelf was empty at that moment; returns how many met an empty one."""
    refused: dict[str, Event] = {}
    for event in events:
        fact = event.data
        if isinstance(fact, VoucherScanned) and fact.voucher_id and fact.outcome is ScanOutcome.NOT_APPLICABLE:
            refused[fact.voucher_id] = event
    if not refused:
        return 0
    before = await store.vouchers.lock(refused)
    asked = [name for name in refused if before[name].promise is not None and not before[name].met_empty]
    questions = [
        _question(before[name], refused[name].occurred_at, store_id=getattr(refused[name].data, "store_id", None))
        for name in asked
    ]
    empty = [name for name, found in zip(asked, await store.vouchers.empty_shelves(questions), strict=True) if found]
    after = {name: replace(before[name], met_empty=True) for name in empty}
    await _save(store, {name: before[name] for name in refused}, after, _newest(events))
    return len(empty)


def _heard(standing: Standing, event: Event) -> Standing:
    match event.data:
        case VoucherIssued() as issued:
            return standing.issued(
                promise_of(
                    issued.store_id,
                    issued.category or "",
                    issued.item_ids,
                    (issued.valid_from, issued.expires_at),
                    float(issued.redemption_ratio),
                    float(issued.expected_quantity or 1),
                )
            )
        case VoucherRedeemed() as redeemed:
            return standing.used(redeemed.redemption_id, seconds_of(event.occurred_at))
        case VoucherRolledBack() as back:
            return standing.rolled_back(back.redemption_id)
        case VoucherExpired():
            return replace(standing, expired=True)
        case _:
            return replace(standing, revoked=True)


async def _judged(store: InventoryStore, standings: Mapping[str, Standing]) -> Mapping[str, Standing]:
    """Those that ran out unused, with what lay on their shelf as their window closed."""
    asked = [
        name
        for name, one in standings.items()
        if one.promise is not None and one.expired and one.used_at is None and one.met_empty is None
    ]
    if not asked:
        return standings
    questions = [
        _question(one, datetime.fromtimestamp(one.promise.expires_at, UTC))
        for name in asked
        if (one := standings[name]).promise is not None
    ]
    found = await store.vouchers.empty_shelves(questions)
    judged = {name: replace(standings[name], met_empty=empty) for name, empty in zip(asked, found, strict=True)}
    return {**standings, **judged}


def _question(standing: Standing, at: datetime, store_id: str | None = None) -> ShelfQuestion:
    promise = standing.promise
    if promise is None:
        raise ValueError("a voucher without a promise has no shelf")
    return ShelfQuestion(
        store_id=store_id or promise.store_id, category=promise.category, item_ids=promise.item_ids, at=at
    )


async def _save(
    store: InventoryStore, before: Mapping[str, Standing], after: Mapping[str, Standing], now: datetime
) -> None:
    """Write what changed, and change the sums by as much."""
    lines: dict[Line, tuple[int, int]] = defaultdict(lambda: (0, 0))
    lessons: Counter[Lesson] = Counter()
    for name, standing in after.items():
        moved, taught, opened = change(before[name], standing)
        for line, micro in moved.items():
            units, vouchers = lines[line]
            lines[line] = (units + micro, vouchers + opened)
        for lesson, amount in taught.items():
            lessons[lesson] += amount
    changed = {name: one for name, one in after.items() if one != before[name]}
    await store.vouchers.keep({name: (one, last_day_of(one, now)) for name, one in changed.items()})
    await store.vouchers.expect({line: both for line, both in lines.items() if any(both)})
    await store.vouchers.learn({lesson: amount for lesson, amount in lessons.items() if amount})
    if changed:
        await store.vouchers.forget(day_of(now) - KEPT_DAYS)


def _newest(events: Iterable[Event]) -> datetime:
    return max(event.occurred_at for event in events)
