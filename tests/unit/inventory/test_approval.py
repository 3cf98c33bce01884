"""Which commands wait for a person, and what that person may decide."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidInput
from services.inventory.bootstrap.approving import approval_policy
from services.inventory.domain.commands.approval import ApprovalPolicy, ApprovalRule, Usual, hold_of
from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.changes import What
from services.inventory.domain.commands.command import APPROVAL, Command, Hold, Kind, Status, proposed
from services.inventory.domain.commands.revising import enlarged, resized
from services.inventory.domain.commands.settling import Gates, place_of, settle
from services.inventory.domain.commands.verdicts import Ruling, Verdict, judged
from services.inventory.domain.reviewing.review import review
from services.inventory.settings import Settings
from tests.support.inventory_events import an_item_view, around, at
from tests.unit.inventory.test_review import SELLS

RULE = ApprovalRule(
    name="everyday",
    free_below_cents=5_000,
    greatest_stake_cents=20_000,
    greatest_times_usual=4,
    least_commands=3,
    least_seen_days=3,
    greatest_spread_ratio=2.0,
)
GATES = Gates(approval=ApprovalPolicy(rules=(RULE,)))


def a_draft(pack: int = 6, price_cents: int = 800) -> Command:
    """An order of 24 pieces or so, as the review drafts it."""
    item = an_item_view({"s1": 0}, {"s1": SELLS}, pack=pack, price_cents=price_cents)
    (draft,) = review([item], at(9.9), around()).commands
    return draft


DRAFT = a_draft()


def need_of(command: Command) -> Need:
    assert isinstance(command.basis, Need)
    return command.basis


BASIS = need_of(DRAFT)


def test_what_is_usual_small_and_sure_is_sent_at_once_and_says_by_which_rule() -> None:
    (change,) = settle(DRAFT, None, "dairy", {}, GATES)
    assert (change.what, change.actor, change.sends) == (What.SENT, "rule:everyday", True)
    assert (change.command.status, change.command.approved_by) == (Status.SENT, "rule:everyday")


@pytest.mark.parametrize(
    ("changed", "usual", "reason"),
    [
        ({"stake_cents": 20_000}, None, "goods worth 200.00, from 200.00 on a person decides"),
        ({"quantity_milli": 18_000}, Usual(commands=3, quantity_milli=4_000), "18 is 4.5 times the usual 4.0"),
        ({"basis": replace(BASIS, shelf_days=2.0)}, None, "new here: seen on 2 days"),
        (
            {"basis": replace(BASIS, expected_units=3.0, spread_units=6.0)},
            None,
            "uncertain: 3.0 expected, give or take 6.0",
        ),
    ],
)
def test_each_exception_waits_with_one_line_that_says_why(
    changed: dict[str, object], usual: Usual | None, reason: str
) -> None:
    draft = replace(DRAFT, **changed)  # type: ignore[arg-type]  # fields by name
    (change,) = settle(draft, None, "dairy", {} if usual is None else {place_of(draft): usual}, GATES)
    assert (change.what, change.sends, change.command.status) == (What.PROPOSED, False, Status.PROPOSED)
    assert change.command.holds == (Hold(APPROVAL, reason),)


def test_what_is_worth_little_never_waits() -> None:
    draft = replace(DRAFT, stake_cents=4_999, basis=replace(BASIS, shelf_days=0.0))
    assert hold_of(draft, RULE, Usual(commands=9, quantity_milli=1)) is None


def test_two_orders_are_no_habit() -> None:
    assert hold_of(DRAFT, RULE, Usual(commands=2, quantity_milli=1_000)) is None


def test_the_first_rule_that_covers_a_command_decides_on_it() -> None:
    wine = ApprovalRule(name="wine", categories=("wine",), greatest_stake_cents=1)
    moves = ApprovalRule(name="moves", kinds=("reroute",), greatest_stake_cents=1)
    policy = ApprovalPolicy(rules=(wine, moves, RULE))
    found = [policy.rule_for(DRAFT, "dairy"), policy.rule_for(DRAFT, "wine")]
    assert [rule.name for rule in found if rule] == ["everyday", "wine"]
    assert policy.rule_for(replace(DRAFT, kind=Kind.REROUTE), "dairy") is moves
    assert ApprovalPolicy().rule_for(DRAFT, "dairy") is None


def test_what_was_sent_is_not_put_in_doubt_by_more_that_would_have_to_wait() -> None:
    (first,) = settle(DRAFT, None, "dairy", {}, GATES)
    more = enlarged(first.command, replace(DRAFT, stake_cents=19_000))
    assert settle(more, first.command, "dairy", {}, GATES) == ()
    waiting = proposed(DRAFT, (Hold(APPROVAL, "why"),))
    (change,) = settle(enlarged(waiting, replace(DRAFT, stake_cents=19_000)), waiting, "dairy", {}, GATES)
    assert (change.command.version, change.command.status) == (2, Status.PROPOSED)


def test_the_hook_of_a_lane_with_limits_holds_an_order_until_it_lets_it_through() -> None:
    gates = Gates(limits=lambda command: Hold(f"lane:{command.lane_id}", "its truck leaves at six"))
    (change,) = settle(DRAFT, None, "dairy", {}, gates)
    assert change.command.holds == (Hold("lane:default", "its truck leaves at six"),)


HELD = proposed(DRAFT, (Hold(APPROVAL, "much money"),))


def verdict(ruling: str, packs: int | None = None) -> Verdict:
    return Verdict(ruling=Ruling(ruling), by="anna (office)", packs=packs)


def test_who_approves_sends_it_in_their_name() -> None:
    change = judged(HELD, verdict("approve"), at(10.0))
    assert change is not None
    assert (change.what, change.actor, change.sends) == (What.SENT, "anna (office)", True)
    assert (change.command.status, change.command.sent_at) == (Status.SENT, at(10.0))


@given(st.integers(1, 50))
def test_an_amendment_is_a_higher_version_that_says_who_changed_it_and_adds_up(packs: int) -> None:
    change = judged(HELD, verdict("amend", packs), at(10.0))
    assert change is not None
    command = change.command
    assert (command.version, command.packs, command.quantity_milli) == (2, packs, packs * 6_000)
    assert command.stake_cents == packs * 6 * 800
    assert isinstance(command.basis, Need)
    assert command.basis.quantity_milli == command.quantity_milli
    assert f"changed from {HELD.packs} to {packs}: by anna (office)" in command.explanation
    assert command.explanation.startswith(f"Order {packs * 6} of milk for store s1")


def test_what_was_rejected_is_never_sent_and_what_was_sent_is_withdrawn_aloud() -> None:
    change = judged(HELD, verdict("reject"), at(10.0))
    assert change is not None
    assert (change.command.status, change.sends) == (Status.CANCELLED, False)
    sent = judged(HELD, verdict("approve"), at(10.0))
    assert sent is not None
    taken = judged(sent.command, verdict("withdraw"), at(10.1))
    assert taken is not None
    assert (taken.command.status, taken.what, taken.sends) == (Status.CANCELLED, What.WITHDRAWN, True)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PROPOSED])
def test_only_proposals_that_wait_for_a_person_can_be_approved_or_changed(status: Status) -> None:
    command = replace(HELD, status=status, holds=())
    assert judged(command, verdict("approve"), at(10.0)) is None
    assert judged(command, verdict("amend", 2), at(10.0)) is None
    if status not in {Status.APPROVED, Status.SENT}:
        assert judged(command, verdict("reject"), at(10.0)) is None
        assert judged(command, verdict("withdraw"), at(10.0)) is None


def test_nobody_takes_more_from_a_store_than_it_can_spare() -> None:
    shelves = {"s1": 0, "s2": 40}
    item = an_item_view(shelves, dict.fromkeys(shelves, SELLS), price_cents=9_000)
    (move,) = [one for one in review([item], at(9.9), around()).commands if one.kind is Kind.REROUTE]
    held = proposed(move, (Hold(APPROVAL, "why"),))
    units = move.quantity_milli // 1000
    assert judged(held, verdict("amend", units + 1), at(10.0)) is None
    less = judged(held, verdict("amend", units - 1), at(10.0))
    assert less is not None
    assert less.command.quantity_milli == (units - 1) * 1000


def test_only_a_proposal_is_resized() -> None:
    with pytest.raises(ValueError, match="no proposal"):
        resized(replace(HELD, status=Status.SENT), 2, "why")
    with pytest.raises(ValueError, match="something"):
        resized(HELD, 0, "why")


def test_the_policy_that_comes_with_the_service_is_read_and_a_wrong_one_stops_the_process(tmp_path: Path) -> None:
    base = Settings.model_construct(approve_everything=False, approval_policy_file=None)
    assert [rule.name for rule in approval_policy(base).rules] == ["reroutes", "everyday"]
    assert approval_policy(base.model_copy(update={"approve_everything": True})).rules == ()
    wrong = tmp_path / "policy.yaml"
    wrong.write_text("rules:\n  - name: a\n    greatest_stake_cent: 5\n")
    with pytest.raises(InvalidInput, match="greatest_stake_cent"):
        approval_policy(base.model_copy(update={"approval_policy_file": wrong}))
