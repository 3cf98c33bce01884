"""Asks for counts of shelves that are probably empty; called for every batch of the day's close, in its transaction."""

from collections.abc import Sequence
from decimal import Decimal

from libs.common.contracts import new_event
from libs.common.contracts.inventory import CountRequested
from libs.common.contracts.topics import INVENTORY_COMMANDS
from libs.common.ids import derived_id
from libs.common.persistence import OutboxMessage
from services.inventory.domain.counting import CountPolicy, SilentShelf, Suspicion, suspicions
from services.inventory.domain.measure import from_milli
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.stock.shelves import ItemView, start_of
from services.inventory.handlers import SOURCE
from services.inventory.ports import InventoryStore
from services.inventory.ports.counting import CountRequestRow, SilentRow

_EXACT = Decimal("0.0001")


async def ask_for_counts(store: InventoryStore, day: int, views: Sequence[ItemView], policy: Policy) -> int:
    """Requests for shelves of these items that are silent as of the close of `day`, each silence once; how many are new.

    To be called before the day's plans are saved: the forecast of a silent shelf learns the silence.
    """
    counts = CountPolicy()
    silent = await store.counting.silent([view.facts.item_id for view in views], day, counts.least_intervals)
    found = suspicions(_shelves(silent, day, views, policy), counts)
    new = await store.counting.ask([_row(one, day) for one in found])
    await store.append([_message(row) for row in new])
    return len(new)


def _shelves(silent: Sequence[SilentRow], day: int, views: Sequence[ItemView], policy: Policy) -> Sequence[SilentShelf]:
    facts = {view.facts.item_id: view.facts for view in views}
    return [
        SilentShelf(
            item_id=row.item_id,
            store_id=row.store_id,
            book_milli=row.book_milli,
            silent_days=day - row.since_day,
            silent_since_day=row.since_day,
            rate=row.rate,
            excess=row.excess,
            margin_cents=policy.margin_cents(facts[row.item_id].price_cents, facts[row.item_id].cost_cents),
        )
        for row in silent
    ]


def _row(found: Suspicion, day: int) -> CountRequestRow:
    shelf = found.shelf
    return CountRequestRow(
        request_id=derived_id("count", shelf.item_id, shelf.store_id, str(shelf.silent_since_day)),
        item_id=shelf.item_id,
        store_id=shelf.store_id,
        silent_since=shelf.silent_since_day,
        asked_at=start_of(day + 1),
        book_milli=shelf.book_milli,
        empty_ratio=found.empty_ratio,
        stake_cents=found.stake_cents,
        reason=found.reason,
    )


def _message(row: CountRequestRow) -> OutboxMessage:
    body = CountRequested(
        request_id=row.request_id,
        item_id=row.item_id,
        store_id=row.store_id,
        book=from_milli(row.book_milli),
        empty_ratio=Decimal(row.empty_ratio).quantize(_EXACT),
        silent_since=start_of(row.silent_since).date(),
        reason=row.reason,
    )
    event = new_event(body, event_id=row.request_id, source=SOURCE, occurred_at=row.asked_at)
    return OutboxMessage.of(event, INVENTORY_COMMANDS)
