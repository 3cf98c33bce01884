"""`GET /v1/lanes`: how places are supplied; `GET /v1/lane-rounds`: how the orders of lanes with limits were decided together; `GET /v1/count-requests`: what to count."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query

from libs.common.contracts.values import Key
from libs.common.persistence import Transactions
from services.inventory.api.policies import API_KEY, Reader
from services.inventory.api.shapes import Answer, problems
from services.inventory.domain.catalog import Lane
from services.inventory.domain.depots.supply_chain import lanes_in_force
from services.inventory.domain.measure import from_milli
from services.inventory.domain.stock.shelves import start_of
from services.inventory.ports.counting import CountRequestRow
from services.inventory.ports.lanes import LaneRound
from services.inventory.ports.stores import StoreOf


class LaneRoundAnswer(Answer):
    """One round. No choice within the limits would have saved more than `gap_cents` of margin above `value_cents`."""

    lane_id: str
    closed_at: datetime
    decided_at: datetime
    proposals: int
    sent: int
    order_cents: int
    value_cents: int
    gap_cents: int
    bound_by: tuple[str, ...]


class LaneRoundPage(Answer):
    """Rounds, newest first."""

    rounds: tuple[LaneRoundAnswer, ...]


class CountRequestAnswer(Answer):
    """A shelf that is probably empty though the book says otherwise; `stake_cents` is the margin that looking saves."""

    request_id: str
    item_id: str
    store_id: str
    silent_since: date
    asked_at: datetime
    book: Decimal
    empty_ratio: float
    stake_cents: int
    reason: str


class CountRequestPage(Answer):
    """Requests that nothing has ended, most at stake first."""

    requests: tuple[CountRequestAnswer, ...]


class LaneAnswer(Answer):
    """How a place is supplied. `set_aside` says why the lane does not hold: a place would supply itself over depots."""

    lane_id: str
    supplier_id: str
    store_id: str
    category: str | None
    depot_id: str | None
    lead_time_hours: int
    rank: int
    set_aside: str | None


class LanePage(Answer):
    """All lanes, in the order of their ids."""

    lanes: tuple[LaneAnswer, ...]


def lane_router(transactions: Transactions, store_of: StoreOf) -> APIRouter:
    """The routes of lane rounds and count requests."""
    router = APIRouter(prefix="/v1", tags=["policies"], dependencies=[API_KEY])

    @router.get("/lane-rounds", summary="How lanes' orders were cut", responses=problems(401, 403, 422, 503))
    async def get_rounds(
        _caller: Reader, lane_id: Key | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> LaneRoundPage:
        """What was decided at each cut-off, which limits bound, and a bound of what they cost beyond the best choice."""
        async with transactions.begin() as tx:
            found = await store_of(tx).lanes.rounds(lane_id, limit)
        return LaneRoundPage(rounds=tuple(map(_answer, found)))

    @router.get("/lanes", summary="How places are supplied", responses=problems(401, 403, 503))
    async def get_lanes(_caller: Reader) -> LanePage:
        """The lanes of the catalogue, also those that are set aside because they close a circle of depots."""
        async with transactions.begin() as tx:
            lanes = await store_of(tx).lanes.lanes()
        _, aside = lanes_in_force(list(lanes.values()))
        return LanePage(lanes=tuple(_lane(lanes[lane_id], aside.get(lane_id)) for lane_id in sorted(lanes)))

    @router.get("/count-requests", summary="What to count", responses=problems(401, 403, 422, 503))
    async def get_count_requests(
        _caller: Reader, store_id: Key | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> CountRequestPage:
        """Open requests; a count of the shelf, or anything that moves there, ends one."""
        async with transactions.begin() as tx:
            found = await store_of(tx).counting.open_requests(store_id, limit)
        return CountRequestPage(requests=tuple(map(_request, found)))

    return router


def _lane(lane: Lane, set_aside: str | None) -> LaneAnswer:
    return LaneAnswer(
        lane_id=lane.lane_id,
        supplier_id=lane.supplier_id,
        store_id=lane.store_id,
        category=lane.category,
        depot_id=lane.depot_id,
        lead_time_hours=lane.lead_time_hours,
        rank=lane.rank,
        set_aside=set_aside,
    )


def _request(row: CountRequestRow) -> CountRequestAnswer:
    return CountRequestAnswer(
        request_id=row.request_id,
        item_id=row.item_id,
        store_id=row.store_id,
        silent_since=start_of(row.silent_since).date(),
        asked_at=row.asked_at,
        book=from_milli(row.book_milli),
        empty_ratio=row.empty_ratio,
        stake_cents=round(row.stake_cents),
        reason=row.reason,
    )


def _answer(found: LaneRound) -> LaneRoundAnswer:
    return LaneRoundAnswer(
        lane_id=found.lane_id,
        closed_at=found.closed_at,
        decided_at=found.decided_at,
        proposals=found.proposals,
        sent=found.sent,
        order_cents=found.order_cents,
        value_cents=round(found.value_cents),
        gap_cents=-(-int(found.gap_cents * 1000) // 1000),
        bound_by=found.bound_by,
    )
