"""What older and newer versions of a contract may do: the older are told in the newest form, unknown members are kept."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from docs.examples import EXAMPLES
from libs.common.contracts import CONTRACTS, TOPIC_OF_TYPE, TYPES, Event, UnsupportedVersion, decode, newest_type
from libs.common.contracts.feedback import Scale, SurveyAnswered
from libs.common.contracts.registry import partition_key_of
from libs.common.contracts.upcasting import STEPS, upcast
from libs.common.errors import InvalidMessage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
V1, V2 = "usual.feedback.survey_answered.v1", "usual.feedback.survey_answered.v2"
ANSWER = EXAMPLES[V1]


def on_the_wire(event_type: str, body: Mapping[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    headers = {"ce_id": "e1", "ce_source": "shop", "ce_type": event_type, "ce_time": NOON.isoformat()}
    return [(name, text.encode()) for name, text in headers.items()], json.dumps(body).encode()


def read(event_type: str, body: Mapping[str, Any]) -> Event:
    return decode(*on_the_wire(event_type, body))


def test_there_is_an_example_of_every_type_and_it_fits() -> None:
    assert set(EXAMPLES) == set(CONTRACTS)
    for event_type, body in EXAMPLES.items():
        CONTRACTS[event_type].model_validate(body)


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_whatever_version_comes_consumers_see_the_newest(event_type: str) -> None:
    event = read(event_type, EXAMPLES[event_type])
    assert event.type == newest_type(event_type)
    assert event.type == TYPES[type(event.data)]


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_a_member_that_we_do_not_know_is_kept_even_from_an_older_version(event_type: str) -> None:
    event = read(event_type, {**EXAMPLES[event_type], "weather": "rain"})
    assert json.loads(event.body())["weather"] == "rain"


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_a_major_version_from_the_future_is_refused(event_type: str) -> None:
    with pytest.raises(UnsupportedVersion):
        read(re.sub(r"\.v\d+$", ".v99", event_type), EXAMPLES[event_type])


def test_every_older_version_has_a_step_to_a_newer_one_of_its_kind_on_the_same_topic() -> None:
    majors: dict[str, list[str]] = {}
    for event_type in CONTRACTS:
        majors.setdefault(event_type.rpartition(".")[0], []).append(event_type)
    for versions in majors.values():
        *older, newest = sorted(versions, key=lambda name: int(name.rpartition(".v")[2]))
        assert newest not in STEPS
        for event_type in older:
            assert newest_type(event_type) == newest
            assert TOPIC_OF_TYPE[event_type] is TOPIC_OF_TYPE[newest]


@given(st.integers(0, 10))
def test_an_older_answer_keeps_its_score_its_key_and_what_it_left_out(score: int) -> None:
    old = CONTRACTS[V1].model_validate({**ANSWER, "score": score})
    event = read(V1, {**ANSWER, "score": score})
    assert isinstance(event.data, SurveyAnswered)
    assert (event.data.score, event.data.scale) == (score, Scale(lowest=0, highest=10))
    assert event.partition_key == partition_key_of(old)
    assert not {"comment", "store_id"} & event.data.model_fields_set


def test_a_step_leaves_what_it_was_given_as_it_was() -> None:
    body = {**ANSWER}
    assert upcast(V1, body)[0] == V2
    assert body == ANSWER
    assert upcast(V2, EXAMPLES[V2]) == (V2, EXAMPLES[V2])


def test_an_older_body_must_keep_to_the_contract_of_its_own_version() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(V1, {**ANSWER, "score": 11})
    assert caught.value.slug == "contract-violation"
    assert "/score" in caught.value.detail
    with pytest.raises(InvalidMessage):
        read(V1, EXAMPLES[V2])


@given(lowest=st.integers(-100, 99), width=st.integers(1, 200), step=st.integers(0, 200))
def test_a_score_is_between_0_and_10_whatever_scale_was_shown(lowest: int, width: int, step: int) -> None:
    highest = min(lowest + width, 100)
    answer = min(lowest + step, highest)
    told = SurveyAnswered.model_validate(
        {**EXAMPLES[V2], "answer": answer, "scale": {"lowest": lowest, "highest": highest}}
    )
    exact = 10 * (answer - lowest) / (highest - lowest)
    assert 0 <= told.score <= 10
    assert abs(told.score - exact) <= 0.5


@pytest.mark.parametrize(("answer", "score"), [(1, 0), (2, 3), (3, 5), (4, 8), (5, 10)])
def test_five_stars_are_ten_and_halves_are_rounded_up(answer: int, score: int) -> None:
    told = SurveyAnswered.model_validate({**EXAMPLES[V2], "answer": answer, "scale": {"lowest": 1, "highest": 5}})
    assert told.score == score


@pytest.mark.parametrize(("answer", "lowest", "highest"), [(6, 1, 5), (0, 1, 5), (3, 5, 1), (3, 3, 3)])
def test_an_answer_is_on_the_scale_that_was_shown(answer: int, lowest: int, highest: int) -> None:
    body = {**EXAMPLES[V2], "answer": answer, "scale": {"lowest": lowest, "highest": highest}}
    with pytest.raises(ValidationError, match="scale"):
        SurveyAnswered.model_validate(body)
