"""A lane's round: who waits, what packs are worth, and what becomes of proposals."""

from dataclasses import replace
from datetime import time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import ItemFacts, Lane, LaneLimits, ShelfFacts
from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.changes import What
from services.inventory.domain.commands.command import Command, Hold, proposed
from services.inventory.domain.commands.revising import enlarged
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.lanes.order import LaneOrder, LaneOutcome, decide_lane
from services.inventory.domain.lanes.stage import Shelving, as_one, hold_name, lane_holds, proposal_of, settled_round
from services.inventory.domain.policies.classes import NO_CLASSES
from services.inventory.domain.reviewing.review import review
from tests.support.inventory_events import an_item_view, around, at

NOW = at(9.9)
LANE = Lane(lane_id="lane", supplier_id="s", cutoff_at=time(23), limits=LaneLimits(truck_units=10))
FACTS = ItemFacts(item_id="milk", category="dairy", pack_milli=2000, price_cents=800, cost_cents=300, weight_grams=500)


def a_draft(on_hand: int = 0, pack: int = 2) -> Command:
    item = an_item_view({"s1": on_hand}, {"s1": [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]}, pack=pack)
    (command,) = review([item], NOW, around()).commands
    return replace(command, lane_id="lane")


def a_held(command: Command) -> Command:
    return proposed(command, (Hold(hold_name("lane"), "waits"),))


def need(command: Command) -> Need:
    assert isinstance(command.basis, Need)
    return command.basis


def an_order(command: Command, packs: int, outcome: LaneOutcome) -> LaneOrder:
    return LaneOrder(
        packs={command.command_id: packs},
        outcomes={command.command_id: outcome},
        value_cents=1.0,
        gap_cents=0.0,
        order_cents=1,
        bound_by=("units",),
    )


def test_only_orders_of_lanes_with_limits_wait() -> None:
    free = replace(LANE, lane_id="free", store_id="s2", limits=LaneLimits())
    hold = lane_holds(LaneBook.of([LANE, free]), NOW)
    draft = a_draft()
    found = hold(draft)
    assert found is not None
    assert found.by == "lane:lane"
    assert hold(replace(draft, lane_id="free")) is None
    assert hold(replace(draft, lane_id=None)) is None


@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 4))
def test_packs_are_worth_less_and_less_and_together_no_more_than_what_is_missed(
    on_hand: int, pack: int, least: int
) -> None:
    draft = a_draft(on_hand, pack)
    facts = replace(FACTS, pack_milli=pack * 1000, least_packs=least)
    filled = replace(LANE, limits=replace(LANE.limits, fills_truck=True))
    proposal = proposal_of(a_held(draft), Shelving(facts=facts), filled, NO_CLASSES)
    each = [step.value_cents / step.packs for step in proposal.steps]
    assert all(later <= before + 1e-6 for before, later in pairwise(each))
    basis = need(draft)
    whole = (basis.rate * basis.horizon_days + basis.voucher_units) * basis.margin_cents
    assert sum(step.value_cents for step in proposal.steps) <= whole + 1e-6
    assert sum(step.packs for step in proposal.steps[: proposal.asked]) == draft.packs
    assert proposal.pack_grams == 500 * pack


def test_nothing_is_filled_up_beyond_what_the_shelf_holds() -> None:
    draft = a_draft()
    filled = replace(LANE, limits=replace(LANE.limits, fills_truck=True))
    room = need(draft).position_milli + draft.quantity_milli + 2_000
    shelving = Shelving(facts=FACTS, shelf=ShelfFacts(capacity_milli=room))
    steps = proposal_of(a_held(draft), shelving, filled, NO_CLASSES).steps
    assert sum(step.packs for step in steps) == draft.packs + 1


def test_a_proposal_that_grew_is_one_need() -> None:
    first, more = a_draft(3), a_draft(1)
    coming = need(more).coming_milli + first.quantity_milli
    grown = enlarged(first, replace(more, basis=replace(need(more), coming_milli=coming)))
    whole = as_one(grown)
    assert need(whole).coming_milli == need(more).coming_milli
    assert (whole.quantity_milli, whole.packs) == (grown.quantity_milli, grown.packs)
    assert need(whole).quantity_milli == grown.quantity_milli
    assert need(whole).asked_milli == 0


def test_a_whole_proposal_is_sent_as_it_is_with_its_validity_from_now() -> None:
    held = a_held(a_draft())
    order = an_order(held, held.packs, LaneOutcome.WHOLE)
    (change,) = settled_round({held.command_id: held}, order, LANE, NOW, timedelta(hours=48))
    assert (change.what, change.sends) == (What.SENT, True)
    assert change.command.version == held.version
    assert change.command.valid_until == NOW + timedelta(hours=48)


def test_a_cut_proposal_is_a_version_that_says_what_cut_it() -> None:
    held = a_held(a_draft())
    assert held.packs > 1
    order = an_order(held, 1, LaneOutcome.CUT)
    changed, sent = settled_round({held.command_id: held}, order, LANE, NOW, timedelta(hours=48))
    assert (changed.what, sent.what) == (What.CHANGED, What.SENT)
    assert (sent.command.version, sent.command.packs) == (held.version + 1, 1)
    assert sent.command.quantity_milli == 2_000
    assert "cut to the units of lane lane" in sent.command.explanation


@pytest.mark.parametrize("outcome", [LaneOutcome.DROPPED, LaneOutcome.WAITS])
def test_what_does_not_go_out_is_withdrawn_and_nobody_outside_hears_of_it(outcome: LaneOutcome) -> None:
    held = a_held(a_draft())
    (change,) = settled_round({held.command_id: held}, an_order(held, 0, outcome), LANE, NOW, timedelta(hours=48))
    assert (change.what, change.sends) == (What.WITHDRAWN, False)
    assert not change.command.status.is_open


def test_what_a_person_has_not_agreed_to_goes_on_waiting_for_that_person() -> None:
    held = proposed(a_draft(), (Hold(hold_name("lane"), "waits"), Hold("approval", "dear")))
    order = an_order(held, held.packs, LaneOutcome.WHOLE)
    (change,) = settled_round({held.command_id: held}, order, LANE, NOW, timedelta(hours=48))
    assert (change.what, change.sends) == (What.RELEASED, False)
    assert [hold.by for hold in change.command.holds] == ["approval"]


def test_the_worth_of_proposals_decides_who_gets_the_truck() -> None:
    empty, half = a_draft(0), replace(a_draft(4), command_id="half")
    proposals = [proposal_of(a_held(one), Shelving(facts=FACTS), LANE, NO_CLASSES) for one in (empty, half)]
    order = decide_lane(proposals, LaneLimits(truck_units=2))
    assert order.packs[empty.command_id] == 1
    assert order.packs["half"] == 0
