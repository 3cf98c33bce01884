"""Signs of fraud: golden examples of the policy that comes with the service, and laws of any policy."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from services.offers.bootstrap.fraud import fraud_policy
from services.offers.domain.fraud.signs import Action, Bound, FraudPolicy, Presented, Signal, assess

OURS = fraud_policy()
COUNTS = st.dictionaries(st.sampled_from(Signal), st.integers(0, 300))
BOUNDS = st.builds(
    Bound, at_least=st.integers(1, 200), within_seconds=st.integers(1, 86_400), points=st.integers(0, 1000)
)


@st.composite
def policies(draw: st.DrawFn) -> FraudPolicy:
    step_up = draw(st.integers(1, 500))
    return FraudPolicy(
        step_up_points=step_up,
        block_points=step_up + draw(st.integers(0, 500)),
        signals=draw(st.dictionaries(st.sampled_from(Signal), BOUNDS)),
    )


@pytest.mark.parametrize(
    ("story", "counts", "action", "signals"),
    [
        ("one voucher on a quiet lane", {"customer_velocity": 1, "lane_velocity": 1}, Action.ALLOW, ()),
        ("three receipts in an hour", {"customer_velocity": 3}, Action.ALLOW, ()),
        ("a lane at Saturday noon", {"lane_velocity": 39, "store_velocity": 199}, Action.ALLOW, ()),
        ("a lane that does nothing else", {"lane_velocity": 40}, Action.ALLOW, (Signal.LANE_VELOCITY,)),
        ("one forgotten milk, two receipts", {"split_basket": 1, "customer_velocity": 2}, Action.ALLOW, ()),
        ("the store next door on the way home", {"far_stores": 1}, Action.ALLOW, ()),
        ("three stores in half an hour", {"far_stores": 2}, Action.STEP_UP, (Signal.FAR_STORES,)),
        ("the cashier's own card", {"cashier_is_customer": 1}, Action.STEP_UP, (Signal.CASHIER_IS_CUSTOMER,)),
        (
            "the cashier's own card all day",
            {"cashier_is_customer": 1, "customer_velocity": 6, "cashier_and_customer": 6},
            Action.BLOCK,
            (Signal.CASHIER_IS_CUSTOMER, Signal.CASHIER_AND_CUSTOMER, Signal.CUSTOMER_VELOCITY),
        ),
        ("a friend's cashier", {"cashier_and_customer": 6}, Action.ALLOW, (Signal.CASHIER_AND_CUSTOMER,)),
        ("goods that did not fit, twice", {"refund_loop": 2}, Action.ALLOW, ()),
        ("redeemed and returned three times", {"refund_loop": 3}, Action.STEP_UP, (Signal.REFUND_LOOP,)),
        (
            "a loop through many stores",
            {"refund_loop": 3, "far_stores": 3},
            Action.BLOCK,
            (Signal.FAR_STORES, Signal.REFUND_LOOP),
        ),
        (
            "a basket split in five",
            {"split_basket": 4, "customer_velocity": 6},
            Action.STEP_UP,
            (Signal.CUSTOMER_VELOCITY, Signal.SPLIT_BASKET),
        ),
        ("a batch that leaked", {"batch_velocity": 100}, Action.ALLOW, (Signal.BATCH_VELOCITY,)),
        (
            "a batch that leaked, at a lane of its own",
            {"batch_velocity": 150, "lane_velocity": 60, "cashier_velocity": 60},
            Action.STEP_UP,
            (Signal.CASHIER_VELOCITY, Signal.LANE_VELOCITY, Signal.BATCH_VELOCITY),
        ),
        ("a screenshot that went round", {"copied_code": 2}, Action.STEP_UP, (Signal.COPIED_CODE,)),
    ],
)
def test_the_policy_that_comes_with_the_service(
    story: str, counts: Mapping[str, int], action: Action, signals: tuple[Signal, ...]
) -> None:
    found = assess(Presented.of(**counts), OURS, gives=True, confirmed=False)
    assert (found.action, found.signals) == (action, signals), story


def test_no_single_signal_blocks_anybody_by_our_policy() -> None:
    assert set(OURS.signals) == set(Signal)
    assert all(bound.points < OURS.block_points for bound in OURS.signals.values())


@given(COUNTS, policies())
def test_a_supervisors_word_lifts_a_step_up_and_never_a_block(counts: dict[Signal, int], policy: FraudPolicy) -> None:
    presented = Presented(counts=counts)
    alone = assess(presented, policy, gives=True, confirmed=False)
    confirmed = assess(presented, policy, gives=True, confirmed=True)
    lifted = {Action.STEP_UP: Action.CONFIRMED}
    assert confirmed.action is lifted.get(alone.action, alone.action)
    assert (confirmed.points, confirmed.signals) == (alone.points, alone.signals)


@given(COUNTS, policies(), st.sampled_from(Signal))
def test_more_of_a_sign_never_makes_it_less_suspicious(
    counts: dict[Signal, int], policy: FraudPolicy, signal: Signal
) -> None:
    order = [Action.ALLOW, Action.STEP_UP, Action.BLOCK]
    fewer = assess(Presented(counts=counts), policy, gives=True, confirmed=False)
    more_counts = counts | {signal: counts.get(signal, 0) + 1}
    more = assess(Presented(counts=more_counts), policy, gives=True, confirmed=False)
    assert more.points >= fewer.points
    assert order.index(more.action) >= order.index(fewer.action)


@given(COUNTS, policies())
def test_whatever_is_done_has_its_reasons(counts: dict[Signal, int], policy: FraudPolicy) -> None:
    found = assess(Presented(counts=counts), policy, gives=True, confirmed=False)
    assert found.points == sum(policy.signals[signal].points for signal in found.signals)
    assert bool(found.signals) == bool(found.points)
    assert found.action is Action.ALLOW or found.signals


@given(COUNTS, policies(), st.sampled_from([True, False]))
def test_what_is_refused_anyway_is_only_noted(
    counts: dict[Signal, int], policy: FraudPolicy, confirmed: object
) -> None:
    found = assess(Presented(counts=counts), policy, gives=False, confirmed=bool(confirmed))
    assert found.action is (Action.NOTED if found.points else Action.ALLOW)


def test_a_policy_that_blocks_before_it_asks_or_counts_past_what_is_looked_at_is_refused() -> None:
    with pytest.raises(ValidationError, match="block_points"):
        FraudPolicy(step_up_points=2, block_points=1, signals={})
    with pytest.raises(ValidationError):
        Bound(at_least=201, within_seconds=1, points=1)


def test_a_file_that_is_no_policy_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("step_up_points: 0")
    with pytest.raises(InvalidInput, match="step_up_points"):
        fraud_policy(file)
