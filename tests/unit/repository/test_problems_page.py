"""docs/problems.md says of every slug what it means and what to do: held against the code that raises them."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.problem_slugs import said

PAGE = (Path(__file__).parents[3] / "docs/problems.md").read_text()
ANSWERED, _, UNANSWERED = PAGE.partition("## Not in answers")
ROW = re.compile(r"^\| `(?P<slug>[a-z0-9-]+)` \| (?P<statuses>[0-9, ]+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
UNANSWERED_ROW = re.compile(r"^\| `(?P<slug>[a-z0-9-]+)` \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
OF_THE_FRAMEWORK = {"http-404": {404}, "http-405": {405}}


@pytest.fixture(scope="module")
def slugs() -> dict[str, set[int]]:
    return {**said(), **OF_THE_FRAMEWORK}


def listed() -> dict[str, set[int]]:
    return {row["slug"]: {int(status) for status in row["statuses"].split(",")} for row in ROW.finditer(ANSWERED)}


def unanswered() -> set[str]:
    return {row["slug"] for row in UNANSWERED_ROW.finditer(UNANSWERED)}


def test_every_slug_that_the_code_can_say_is_on_the_page_and_no_other(slugs: dict[str, set[int]]) -> None:
    assert set(slugs) - set(listed()) - unanswered() == set(), "said by the code and missing in docs/problems.md"
    assert set(listed()) | unanswered() == set(slugs), "in docs/problems.md and said by nobody"


def test_each_has_the_status_that_it_is_answered_with(slugs: dict[str, set[int]]) -> None:
    assert {slug: statuses for slug, statuses in listed().items() if statuses != slugs[slug]} == {}


def test_each_stands_there_once_and_every_row_is_read() -> None:
    rows = Counter(re.findall(r"^\| `([^`]+)` ", PAGE, re.MULTILINE))
    assert {slug for slug, times in rows.items() if times > 1} == set()
    assert set(rows) == set(listed()) | unanswered()
