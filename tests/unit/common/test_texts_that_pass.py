"""Every text of every contract is marked as personal, becomes a pseudonym, is a code, or passes for a reason that is written down."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from libs.common.contracts import CONTRACTS, Place, identifier_fields
from libs.common.contracts.personal import Personal
from libs.common.contracts.places import text_fields

PRIVACY = Path("docs/privacy.md").read_text()
CODES = {"country", "currency", "gtin", "gtins"}
A_NAME = "Anna Meier"


def passing() -> set[str]:
    """The members of the table of what passes; each of its rows gives a reason."""
    table = PRIVACY.partition("| Members | Why they pass |")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|") for row in table.strip().splitlines()[1:]]
    assert all(reason.strip() for _, reason in rows)
    return {name for members, _ in rows for name in re.findall(r"`(\w+)`", members)}


def name_of(place: Place) -> str:
    return next(step for step in reversed(place) if step != "*")


def unmarked(event_type: str) -> dict[Place, Any]:
    """The texts, and whatever may hold some, that no mark and no identifier covers."""
    model = CONTRACTS[event_type]
    handles = identifier_fields(model)
    return {
        place: field
        for place, field, marks in text_fields(model)
        if not any(isinstance(mark, Personal) for mark in marks) and place[:-1] not in handles
    }


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_no_text_passes_without_a_reason(event_type: str) -> None:
    reasons = passing()
    assert {name_of(place) for place in unmarked(event_type)} <= reasons | CODES


def test_no_reason_outlives_its_text() -> None:
    assert passing() == {name_of(place) for name in CONTRACTS for place in unmarked(name)} - CODES


def test_a_code_holds_no_words() -> None:
    for event_type in CONTRACTS:
        for place, field in unmarked(event_type).items():
            if name_of(place) in CODES:
                with pytest.raises(ValueError, match="pattern"):
                    TypeAdapter(field).validate_python(A_NAME)
