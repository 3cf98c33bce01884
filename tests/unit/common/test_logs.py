"""What must never stand in a log, whoever writes it."""

import json
import subprocess
import sys
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.card_numbers import MASK
from libs.common.http.credentials import new_key
from libs.common.observability.redaction import redact

CARD = "4111 1111 1111 1111"
KEY = new_key("till-7", frozenset())[0]
SECRET = KEY.rpartition("_")[2]


def shown(**event: Any) -> str:
    return json.dumps(redact(None, "info", event), default=repr)


@pytest.mark.parametrize(
    "value",
    [
        f"body was {CARD}",
        4111111111111111,
        {"a": [1, {"b": (CARD,)}]},
        {CARD: 1},
        CARD.encode(),
        ValueError(f"could not read {CARD}"),
        {CARD},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_card_number_is_masked_wherever_it_hides(value: Any) -> None:
    text = shown(event="x", value=value)
    assert MASK in text
    assert "1111" not in text


@pytest.mark.parametrize(
    "value",
    [KEY, f"Authorization: Bearer {KEY}", {"headers": [("x-api-key", KEY)]}, KEY.encode(), RuntimeError(KEY)],
    ids=["bare", "header", "nested", "bytes", "error"],
)
def test_of_an_api_key_only_its_id_is_told(value: Any) -> None:
    text = shown(event="x", value=value)
    assert SECRET not in text
    assert "tk_till-7_[secret]" in text


def test_a_key_in_the_basic_scheme_is_hidden_too() -> None:
    encoded = b64encode(f"{KEY}:".encode()).decode()
    assert encoded[:30] not in shown(event=f"Basic {encoded}")


@given(
    before=st.text(max_size=20).filter(lambda text: not text[-1:].isalnum()),
    after=st.text(max_size=20).filter(lambda text: not text[:1].isalnum()),
)
def test_no_surrounding_text_lets_a_key_through(before: str, after: str) -> None:
    assert SECRET not in shown(event=before + KEY + after)


def test_everything_else_is_printed_as_it_is() -> None:
    event = {"event": "read", "offset": 1234567890123, "at": "2026-03-01T12:00:00.123456Z", "ok": True, "none": None}
    assert redact(None, "info", dict(event)) == event
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert redact(None, "info", {"trace": trace, "seconds": 0.25}) == {"trace": trace, "seconds": 0.25}


def test_the_logs_of_a_process_pass_through_it_our_own_and_those_of_libraries() -> None:
    program = f"""
import logging, structlog
from libs.common.observability.logs import configure_logs
configure_logs("test", "api")
structlog.get_logger().info("key {KEY}", card="{CARD}")
try:
    raise ValueError("{KEY} and {CARD}")
except ValueError as error:
    structlog.get_logger().error("ours", exc_info=error)
    logging.getLogger("library").error("theirs %s", "{CARD}", exc_info=error)
"""
    lines = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert len([json.loads(line) for line in lines.splitlines()]) == 3
    assert "ValueError" in lines
    assert SECRET not in lines
    assert "1111" not in lines
