"""Who sees what, what a value is made of, and what is missing in a profile."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.http.key_file import SCOPES
from libs.ranking.state import DAY_SECONDS
from services.profile.domain.drivers import drivers_of
from services.profile.domain.facet import EMPTY
from services.profile.domain.facet_of import apply, apply_all
from services.profile.domain.health import Condition, Missing, gaps_of
from services.profile.domain.roles import EVERYTHING, SIGHTS, Role, Sight, sights_of
from services.profile.domain.value import expected_spend_cents, value_of
from services.profile.handlers.looking import Viewer, masked
from services.profile.handlers.shapes import CustomerView, Totals, ValueView
from tests.support.shopping import START_SECONDS, a_line, a_purchase

VIEW = CustomerView(
    customer_id="c",
    snapshot_version=1,
    as_of=datetime(2026, 3, 1, tzinfo=UTC),
    identifiers=(),
    first_contact_at=datetime(2026, 3, 1, tzinfo=UTC),
    totals=Totals(
        receipts_count=1,
        lines_count=1,
        amount_cents=1,
        returns_count=0,
        refund_cents=0,
        contacts_count=1,
        vouchers_issued_count=0,
        vouchers_redeemed_count=0,
        voucher_discount_cents=0,
    ),
    consents=(),
    segments=(),
    tier="gold",
    value=ValueView(currency="EUR", expected_year_cents=1, chance_of_return_30_days_ratio=1, drivers=()),
    open_complaint=False,
    favourite_items=(),
    categories=(),
    answers=(),
    counts={},
)


@given(st.frozensets(st.sampled_from(Role), min_size=1))
def test_a_page_shows_what_one_of_the_roles_sees_and_names_the_rest(roles: frozenset[Role]) -> None:
    viewer = Viewer(key_id="k", roles=roles, request_id="r")
    page = masked(VIEW, viewer)
    for sight in set(Sight) & set(CustomerView.model_fields):
        assert (getattr(page, sight) is None) is (sight not in sights_of(roles)) is (sight in page.hidden)
    assert page.customer_id == "c"


def test_every_role_has_its_row_and_its_scope() -> None:
    assert set(SIGHTS) == set(Role)
    assert {role.scope for role in Role} <= set(SCOPES)
    assert sights_of([Role.SYSTEM]) == EVERYTHING


def test_a_cashier_sees_no_money_no_habits_and_no_identifiers() -> None:
    assert sights_of([Role.CASHIER]) == {Sight.TIER, Sight.OPEN_COMPLAINT}


def test_every_part_of_the_page_is_some_sight() -> None:
    always = {"customer_id", "snapshot_version", "as_of", "hidden"}
    assert set(CustomerView.model_fields) - always == set(Sight) & set(CustomerView.model_fields)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.floats(0.0, 1.0))
def test_the_factors_multiply_to_the_expected_value(days: list[int], chance: float) -> None:
    facet = apply_all(EMPTY, (a_purchase(f"e{number}", day=day) for number, day in enumerate(days)))
    value = value_of(facet, START_SECONDS + 300 * DAY_SECONDS)
    product = 1.0
    for driver in drivers_of(value, chance, 365):
        if driver.pull == "factor":
            product *= driver.value
    assert product == pytest.approx(expected_spend_cents(value, chance, 365), abs=60, rel=0.02)


def test_a_trend_pulls_up_or_down_when_it_is_notable() -> None:
    value = value_of(apply(EMPTY, a_purchase()), START_SECONDS)
    pulls = {}
    for trend in (0.5, 1.05, 1.5):
        drivers = drivers_of(replace(value, trend_ratio=trend), 1.0, 365)
        pulls[trend] = next(driver.pull for driver in drivers if driver.figure == "trend_ratio")
    assert pulls == {0.5: "down", 1.05: "none", 1.5: "up"}


WELL = Condition(
    facet=apply(EMPTY, a_purchase()), kinds=["loyalty_card"], consents_count=1, version=2, published_version=2,
    waiting_count=0, parked_count=0,
)  # fmt: skip


def test_a_profile_without_gaps_is_well() -> None:
    assert list(gaps_of(WELL)) == []


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        ({"version": 0, "published_version": 0}, (Missing.VIEW, None)),
        ({"published_version": 1}, (Missing.PUBLISHED_VIEW, None)),
        ({"waiting_count": 3}, (Missing.NEWEST_CHANGES, 3)),
        ({"consents_count": 0}, (Missing.CONSENT, None)),
        ({"facet": EMPTY}, (Missing.PURCHASES, None)),
        ({"parked_count": 2}, (Missing.SALES_OF_RETURNS, 2)),
        ({"kinds": ["web_visitor", "app"]}, (Missing.LINK, None)),
        (
            {
                "facet": apply(
                    EMPTY,
                    msgspec.structs.replace(a_purchase(), lines=(msgspec.structs.replace(a_line(), category=""),)),
                )
            },
            (Missing.CATALOGUE_LABELS, 1),
        ),
    ],
)
def test_each_gap_is_told(change: dict[str, object], gap: tuple[Missing, int | None]) -> None:
    assert list(gaps_of(replace(WELL, **change))) == [gap]  # type: ignore[arg-type]  # fields of several kinds
