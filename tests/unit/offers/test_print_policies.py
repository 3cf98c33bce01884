"""When coupons are printed: by the law of the store's country, from the day on that it holds."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from services.offers.bootstrap.receipts import print_policies
from services.offers.domain.receipts.printing import Printing, PrintPolicies
from tests.support.offers_printing import WORDING

OURS = print_policies()


@pytest.mark.parametrize(
    ("country", "day", "how"),
    [
        ("FR", "2023-07-31", "print"),
        ("FR", "2023-08-01", "ask"),
        ("FR", "2026-01-01", "ask"),
        ("RE", "2026-01-01", "ask"),
        ("DE", "2026-01-01", "print"),
        ("US", "2017-03-01", "print"),
        ("", "2026-01-01", "print"),
    ],
)
def test_france_prints_on_request_only_since_august_2023(country: str, day: str, how: str) -> None:
    assert OURS.on(date.fromisoformat(day), country).how == how


def test_a_deployments_file_goes_over_ours_country_by_country(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("default: [{how: print, greatest_mm: 150}]\ncountries:\n  DE: [{how: never}]\n")
    policies = print_policies(own)
    day = date(2026, 1, 1)
    assert policies.on(day, "DE").how == "never"
    assert policies.on(day, "US").greatest_mm == 150
    assert policies.on(day, "FR").how == "ask", "the law stays unless the file names the country"


@pytest.mark.parametrize(
    "text",
    [
        "default: []",
        "default: [{how: maybe}]",
        "default: [{how: print, greatest_mm: 0}]",
        "x: [",
        "[]",
        "default: [{}]",
    ],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        print_policies(own)
    assert refused.value.slug == "invalid-print-policies"
    with pytest.raises(InvalidInput):
        print_policies(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "france",
    [
        [],
        [{"since": "2023-08-01", "how": "ask"}],
        [{"how": "print"}, {"since": "2023-08-01", "how": "ask"}, {"since": "2023-08-01", "how": "never"}],
    ],
)
def test_every_day_has_one_policy(france: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        PrintPolicies.model_validate({"default": [{"how": "print"}], "countries": {"FR": france}})


def test_words_are_stored_only_where_they_may_be_said() -> None:
    voice = WORDING.voice(None, "FR")
    day = date(2026, 1, 1)
    asked, printed = Printing.of(OURS.on(day, "FR"), voice, 3), Printing.of(OURS.on(day, "DE"), voice, 3)
    assert (len(asked.questions), len(asked.elsewhere)) == (3, 0)
    assert (len(printed.questions), len(printed.elsewhere)) == (0, 0)
