"""Laws of webhooks: what is sent in which order, when a cursor moves, how failures are met, what a signature is worth."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Signer

from libs.common.errors import Conflict, RetryableError
from services.inventory.domain.webhooks import (
    EVENT_TYPES,
    LONGEST_WAIT,
    TRIPS_AT,
    Delivery,
    LoggedEvent,
    Outcome,
    State,
    Webhook,
    attempted,
    chains,
    enabled,
    given_up,
    heard,
    moved_cursor,
    replayed,
    wait,
)
from services.inventory.handlers.webhooks.secrets import WebhookKeys, newest, rotated, signed_headers
from services.inventory.ports.webhooks import Secrets

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)
KEYS = WebhookKeys.of(b"k" * 32)
SECRETS = Secrets(salt="salt", key_name=KEYS.in_use)
TYPES = sorted(EVENT_TYPES)


def webhook(**changes: object) -> Webhook:
    defaults = {"webhook_id": "w", "url": "https://erp.example/", "event_types": EVENT_TYPES, "cursor": 0}
    return Webhook(**{**defaults, **changes})  # type: ignore[arg-type]  # named as they are declared


def entry(position: int, item: str = "milk", kind: str = TYPES[0]) -> LoggedEvent:
    return LoggedEvent(
        position=position, message_id=f"m{position}", item_id=item, type=kind, occurred_at=NOW, body=b"{}"
    )


def delivery(position: int, item: str = "milk") -> Delivery:
    return Delivery(position=position, message_id=f"m{position}", item_id=item, type=TYPES[0])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([*TYPES, "internal"])), max_size=30),
    st.randoms(use_true_random=False),
)
def test_whatever_fails_each_item_is_delivered_in_order_and_nothing_is_left_behind(
    log: list[tuple[str, str]], random: object
) -> None:
    window = [entry(number + 1, item, kind) for number, (item, kind) in enumerate(log)]
    known: dict[int, Delivery] = {}
    state, taken, now = webhook(event_types=frozenset(TYPES[:2])), [], NOW
    for _ in range(2_000):
        ahead = [each for each in window if each.position > state.cursor]
        if not ahead:
            break
        now += timedelta(minutes=20)
        for chain in chains(state, ahead, known, now):
            for each in chain:
                outcome = Outcome(status=random.choice([204, 503]))  # type: ignore[attr-defined]  # a Random
                known[each.position] = attempted(
                    known.get(each.position) or delivery(each.position, each.item_id), outcome, now, 0.5
                )
                state = heard(state, outcome, now, 0.5)
                if not outcome.is_success:
                    break
                taken.append(each)
        state = webhook(
            event_types=state.event_types, cursor=moved_cursor(state, ahead, known), failures=state.failures
        )
    wanted = [each for each in window if each.type in TYPES[:2]]
    assert sorted(each.position for each in taken) == [each.position for each in wanted]
    for item in "abc":
        order = [each.position for each in taken if each.item_id == item]
        assert order == sorted(order)


def test_a_cursor_never_passes_what_was_not_answered() -> None:
    window = [entry(1), entry(2), entry(3)]
    done = attempted(delivery(3), Outcome(status=200), NOW, 0.5)
    assert moved_cursor(webhook(), window, {3: done}) == 0
    assert moved_cursor(webhook(), window, {1: done, 3: done}) == 1
    assert moved_cursor(webhook(), [entry(1), entry(2, kind="internal"), entry(3)], {1: done}) == 2


def test_an_item_whose_first_entry_rests_holds_up_its_later_ones_and_no_other_item() -> None:
    resting = attempted(delivery(1), Outcome(status=500), NOW, 0.5)
    found = chains(webhook(), [entry(1), entry(2), entry(3, "bread")], {1: resting}, NOW)
    assert [[each.position for each in chain] for chain in found] == [[3]]
    later = chains(webhook(), [entry(1), entry(2)], {1: resting}, NOW + timedelta(seconds=2))
    assert [[each.position for each in chain] for chain in later] == [[1, 2]]


def test_an_open_circuit_is_probed_with_one_entry_the_oldest() -> None:
    found = chains(webhook(failures=TRIPS_AT), [entry(1), entry(2), entry(3, "bread")], {}, NOW)
    assert [[each.position for each in chain] for chain in found] == [[1]]


def test_failures_in_a_row_open_the_circuit_and_one_success_closes_it() -> None:
    state = webhook()
    for number in range(TRIPS_AT):
        assert state.is_due(NOW)
        assert state.is_tripped is False
        state = heard(state, Outcome(error="no-answer"), NOW, 0.5)
        assert state.failures == number + 1
    assert state.is_tripped
    assert not state.is_due(NOW)
    assert state.is_due(NOW + LONGEST_WAIT)
    assert heard(state, Outcome(status=200), NOW, 0.5) == webhook()


def test_an_endpoint_that_says_when_is_left_alone_until_then_but_not_for_ever() -> None:
    asked = heard(webhook(), Outcome(status=429, retry_after=timedelta(seconds=90)), NOW, 0.5)
    assert asked.next_attempt_at == NOW + timedelta(seconds=90)
    for_ever = heard(webhook(), Outcome(status=503, retry_after=timedelta(days=900)), NOW, 0.5)
    assert for_ever.next_attempt_at == NOW + LONGEST_WAIT


def test_gone_ends_it_and_long_failure_ends_it_and_its_cursor_stays() -> None:
    gone = heard(webhook(cursor=7), Outcome(status=410), NOW, 0.5)
    assert (gone.state, gone.disabled_for, gone.cursor) == (State.DISABLED, "gone", 7)
    failing = webhook(cursor=7, failures=9, failing_since=NOW)
    patience = timedelta(hours=72)
    assert given_up(failing, None, NOW + patience - timedelta(seconds=1), patience) == failing
    ended = given_up(failing, None, NOW + patience, patience)
    assert (ended.state, ended.disabled_for, ended.cursor) == (State.DISABLED, "failing", 7)
    assert enabled(ended) == webhook(cursor=7)


def test_one_entry_that_is_refused_for_good_ends_it_too_although_others_are_taken() -> None:
    patience = timedelta(hours=72)
    assert given_up(webhook(), NOW, NOW + patience, patience).state is State.DISABLED


def test_a_redirection_is_a_refusal() -> None:
    assert not Outcome(status=307).is_success


def test_a_replay_begins_a_new_run_behind_the_position() -> None:
    again = replayed(webhook(cursor=9, run=2, state=State.DISABLED, disabled_for="failing"), 4)
    assert again == webhook(cursor=4, run=3)


@given(st.integers(1, 60), st.floats(0, 1))
def test_waits_grow_to_a_bound_and_are_spread(attempts: int, jitter: float) -> None:
    assert wait(1, 0.0) <= wait(attempts, jitter) <= LONGEST_WAIT
    assert all(wait(a, jitter) <= wait(b, jitter) for a, b in pairwise(range(1, attempts + 1)))
    assert wait(attempts, 0.0) == wait(attempts, 1.0) / 2


def verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Signer(secret).sign(headers["webhook-id"], at, body.decode()) in headers["webhook-signature"].split()


def test_while_a_secret_is_rotated_both_verify_and_afterwards_only_the_new_one() -> None:
    message = ("m1", b'{"a":1}')
    old = newest(KEYS, "w", SECRETS)
    turned = rotated(KEYS, SECRETS, NOW, timedelta(hours=24))
    new = newest(KEYS, "w", turned)
    during = dict(signed_headers(KEYS, "w", turned, message, NOW + timedelta(hours=23)))
    after = dict(signed_headers(KEYS, "w", turned, message, NOW + timedelta(hours=24)))
    assert old != new
    assert verifies(old, during, message[1])
    assert verifies(new, during, message[1])
    assert verifies(new, after, message[1])
    assert not verifies(old, after, message[1])


def test_no_more_than_two_secrets_are_valid_at_a_time() -> None:
    turned = rotated(KEYS, SECRETS, NOW, timedelta(hours=24))
    with pytest.raises(Conflict, match="two secrets"):
        rotated(KEYS, turned, NOW + timedelta(hours=1), timedelta(hours=24))


def test_secrets_differ_by_webhook_by_salt_and_by_deployment() -> None:
    other = WebhookKeys.of(b"o" * 32)
    found = {
        newest(KEYS, "w", SECRETS),
        newest(KEYS, "x", SECRETS),
        newest(KEYS, "w", Secrets(salt="pepper", key_name=KEYS.in_use)),
        newest(other, "w", Secrets(salt="salt", key_name=other.in_use)),
    }
    assert len(found) == 4


def test_the_deployments_key_is_changed_without_a_break() -> None:
    both = WebhookKeys.of(b"n" * 32, b"k" * 32)
    turned = rotated(both, SECRETS, NOW, timedelta(hours=24))
    headers = dict(signed_headers(both, "w", turned, ("m", b"{}"), NOW))
    assert verifies(newest(KEYS, "w", SECRETS), headers, b"{}")
    assert verifies(newest(WebhookKeys.of(b"n" * 32), "w", turned), headers, b"{}")


def test_without_its_key_nothing_is_signed() -> None:
    with pytest.raises(RetryableError, match="not here"):
        signed_headers(WebhookKeys.of(b"n" * 32), "w", SECRETS, ("m", b"{}"), NOW)


def test_a_key_is_not_shown_where_objects_are_shown() -> None:
    assert "kkkk" not in repr(KEYS)
