"""What is written by a compiled form is byte for byte what its contract writes, and is read again as the same."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts import new_event
from libs.common.contracts.offers import Alternative, Decided, VoucherIssued
from libs.common.contracts.written import body_of, written

KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))]))  # noqa: DTZ001 - the strategy adds the zone
RATIOS = st.floats(0, 1)
SCORES = st.floats(-1e15, 1e15)
FACT = {
    "voucher_id": KEYS,
    "campaign_id": KEYS,
    "customer_id": st.none() | KEYS,
    "receipt_id": KEYS,
    "store_id": KEYS,
    "currency": st.just("EUR"),
}
ISSUED = st.fixed_dictionaries(
    {
        **FACT,
        "checkout_id": KEYS,
        "category": st.none() | KEYS,
        "item_ids": st.lists(KEYS, max_size=3).map(tuple),
        "kind": st.none() | KEYS,
        "greatest_value_cents": st.integers(0, 10**12),
        "valid_from": MOMENTS,
        "expires_at": MOMENTS,
        "tier": st.integers(0, 3),
        "expected_quantity": st.none() | st.just(Decimal("1.5")),
        "redemption_ratio": RATIOS.map(lambda ratio: Decimal(f"{ratio:.4f}")),
    }
)
ALTERNATIVE = st.fixed_dictionaries(
    {"campaign_id": KEYS, "category": st.none() | KEYS, "propensity_ratio": RATIOS, "score": SCORES}
)
DECIDED = st.fixed_dictionaries(
    {
        "decision_id": KEYS,
        "checkout_id": KEYS,
        "receipt_id": KEYS,
        "customer_id": st.none() | KEYS,
        "store_id": KEYS,
        "tier": st.integers(0, 3),
        "reason": KEYS,
        "group": st.sampled_from(["treated", "holdout"]),
        "model_id": KEYS,
        "chosen": st.lists(KEYS, max_size=3).map(tuple),
    }
)


@given(ISSUED, MOMENTS)
def test_a_voucher_is_written_as_its_contract_writes_it(fields: dict[str, Any], at: datetime) -> None:
    declared = VoucherIssued(**fields)
    same_event(declared, written(VoucherIssued)(**fields), at)


@given(DECIDED, st.lists(ALTERNATIVE, max_size=4), MOMENTS)
def test_a_decision_is_written_as_its_contract_writes_it(
    fields: dict[str, Any], alternatives: list[dict[str, Any]], at: datetime
) -> None:
    declared = Decided(**fields, alternatives=tuple(Alternative(**one) for one in alternatives))
    part = written(Alternative)
    same_event(declared, written(Decided)(**fields, alternatives=tuple(part(**one) for one in alternatives)), at)


def same_event(declared: Any, compiled: Any, at: datetime) -> None:
    assert body_of(compiled) == body_of(declared)
    assert type(declared).model_validate_json(body_of(compiled)) == declared
    first, second = (new_event(one, event_id="e", source="s", occurred_at=at) for one in (declared, compiled))
    assert first.headers() == second.headers()
    assert first.partition_key == second.partition_key
