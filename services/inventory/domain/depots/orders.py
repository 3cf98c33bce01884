"""The order of one depot that is short: its size by class, limits and rounding as a shelf's, and the figures behind it; used by echelons."""

from collections.abc import Mapping

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.basis import Cut, DepotNeed
from services.inventory.domain.commands.command import Command
from services.inventory.domain.depots.depots import Chain, Levels
from services.inventory.domain.ordering.amounts import Due, ShortShelf, limit_words, order_due, policy_words
from services.inventory.domain.ordering.needs import order_of
from services.inventory.domain.ordering.rounding import NotOrdered
from services.inventory.domain.planning.replenishment import packs_needed

_UNIT = 1000


def depot_order(chain: Chain, depot_id: str, lane: Lane, unserved: Mapping[str, int]) -> Command | NotOrdered | None:
    """The draft that fills a depot up; why it may not be ordered; None where nothing is due. `unserved` is who waits for how much."""
    levels, position_milli = chain.levels(depot_id), chain.stand(depot_id).position_milli
    if position_milli >= levels.trigger * _UNIT:
        return None
    if lane.wait_days(chain.now.weekday()) > 0:
        return NotOrdered.WAITS_FOR_REVIEW
    shelf = ShortShelf(
        facts=chain.state.item.facts,
        store_id=depot_id,
        rate=levels.rate,
        position_milli=position_milli,
        trigger_milli=levels.trigger * _UNIT,
        aim_milli=levels.aim * _UNIT,
        shelf=chain.shelf(depot_id),
        lane=lane,
    )
    due = order_due(shelf, chain.now, chain.book)
    if due.sized.reason is not None:
        return due.sized.reason
    need = _need(chain, levels, shelf, due, unserved)
    return order_of(need, shelf.facts, lane, chain.now, chain.around.policy)


def _need(chain: Chain, levels: Levels, shelf: ShortShelf, due: Due, unserved: Mapping[str, int]) -> DepotNeed:
    stand, facts, policy = chain.stand(shelf.store_id), shelf.facts, chain.around.policy
    plain_packs = packs_needed(shelf.position_milli, shelf.trigger_milli, shelf.aim_milli, facts.pack_milli)
    cut = Cut(packs=due.sized.packs, reason=limit_words(due, plain_packs))
    missed = max(levels.mean - max(shelf.position_milli, 0) / _UNIT, 0.0)
    margin = policy.margin_cents(facts.price_cents, facts.cost_cents)
    return DepotNeed(
        item_id=facts.item_id,
        item_name=facts.name,
        store_id=shelf.store_id,
        supplier_id=shelf.lane.supplier_id,
        lane_id=shelf.lane.lane_id,
        on_hand_milli=stand.on_hand_milli,
        reserved_milli=stand.promised_milli,
        coming_milli=stand.coming_milli,
        rate=levels.rate,
        shelf_days=float(chain.state.plan.shelf_days.mean()),
        stores=chain.count(shelf.store_id),
        voucher_units=0.0,
        protection_days=levels.protection_days,
        expected_units=levels.mean,
        spread_units=levels.variance**0.5,
        target_ratio=levels.target_ratio,
        trigger_milli=shelf.trigger_milli,
        order_up_to_milli=shelf.aim_milli,
        pack_milli=facts.pack_milli,
        packs=plain_packs,
        policy=policy_words(due.by_class),
        cuts=() if due.sized.packs == plain_packs else (cut,),
        arrives_at=shelf.lane.arrives_at(chain.now),
        horizon_days=levels.protection_days,
        missed_units=missed,
        missed_cents=missed * margin,
        margin_cents=margin,
        currency=facts.currency,
        unserved_milli=sum(unserved.values()),
        unserved=tuple(sorted(unserved)),
    )
