"""What offers learns from others, as events: builders with defaults for a small chain of two stores and eight categories."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from libs.common.contracts import Contract, Event, new_event, partition_key_of
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.inventory import Availability
from libs.common.contracts.profile import ConsentInForce, ModelPublished, ProfileSnapshot
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.ids import derived_id
from libs.ranking.population import COLUMNS, PopulationState
from libs.ranking.state import PastVisit, state_of
from services.offers.domain.batches import Batch, Source, Validity, batch_of
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.decisions.needs import MODEL_NAME
from services.offers.domain.revocation import Revocation, Revoked
from tests.support.secrets import PSEUDONYMS, behind_the_door

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
CATEGORIES = ("bread", "cheese", "coffee", "eggs", "fruit", "milk", "pasta", "yoghurt")
ITEMS = {f"{category}-{number}": category for category in CATEGORIES for number in range(1, 6)}
STORES = ("store-1", "store-2")


def a_campaign(campaign_id: str = "usual", **changes: Any) -> Campaign:
    """Ten percent off anything, for anybody, nobody held out."""
    plain: dict[str, Any] = {
        "campaign_id": campaign_id,
        "title": "Your usual, for less",
        "kind": "percent",
        "percent": 10,
        "greatest_value_cents": 100,
        "currency": "USD",
        "cap_cents": 1_000_000,
        "holdout_ratio": 0.0,
        "guard_rails": {"greatest_value_cents": 500, "open_per_customer": 100, "issued_per_customer": 1000},
    }
    return Campaign.model_validate(plain | changes)


def a_revocation(revocation_id: str) -> Revocation:
    """Of a batch that nobody has."""
    revoked = Revoked(campaign_id=None, store_id=None, batch_id="none", issued_from=NOW, issued_until=NOW)
    return Revocation(revocation_id=revocation_id, revoked=revoked, reason="a test", asked_by="nobody", asked_at=NOW)


def a_batch(batch_id: str = "spring", **changes: Any) -> Batch:
    """Of `a_campaign`, until the end of March."""
    validity = Validity(last_day=date(2026, 3, 31), time_zone="Europe/Berlin")
    return batch_of(a_campaign(**changes), batch_id, Source.MADE, None, validity, NOW)


def card(number: int) -> Identifier:
    return Identifier(kind=IdentifierKind.LOYALTY_CARD, value=str(number))


def customer_of(number: int) -> str:
    return derived_id("customer", behind_the_door(card(number)))


def an_event(data: Contract, event_id: str, at: datetime = NOW) -> Event:
    return new_event(data, event_id=event_id, source="urn:test", occurred_at=at, received_at=at)


def catalogue(**changes: Any) -> list[Event]:
    """Both stores and all items; `changes` apply to every item."""
    stores = [
        CatalogStore(
            store_id=store_id, name=store_id.title(), time_zone="America/New_York", country="US", currency="USD"
        )
        for store_id in STORES
    ]
    items = [
        CatalogItem(
            **{
                "item_id": item_id,
                "name": item_id.title(),
                "category": category,
                "item_type": category,
                "department": "food",
                "price_cents": 250,
                "currency": "USD",
            }
            | changes
        )
        for item_id, category in ITEMS.items()
    ]
    return [an_event(each, partition_key_of(each)) for each in (*stores, *items)]


def availability(there: Iterable[str] = ITEMS, *, version: int = 1, status: Any = "plenty") -> list[Event]:
    """The same in both stores."""
    return [
        an_event(
            Availability(
                store_id=store_id,
                item_id=item_id,
                version=version,
                on_hand=Decimal(5),
                available=Decimal(5),
                status=status,
            ),
            f"{store_id}:{item_id}:{version}",
        )
        for store_id in STORES
        for item_id in there
    ]


def a_snapshot(
    number: int = 1,
    *,
    version: int = 1,
    bought: Sequence[str] = ("milk-1", "bread-1", "coffee-2"),
    consent: bool = True,
    complaint: bool = False,
    accepted_at: datetime = NOW,
) -> Event:
    """A customer who bought the same things on each of the last four Tuesdays."""
    labels = {item_id: (category, category) for item_id, category in ITEMS.items()}
    visits = [
        PastVisit(int((NOW - timedelta(days=7 * week)).timestamp()), -300, "store-1", tuple(sorted(bought)))
        for week in (4, 3, 2, 1)
    ]
    view = ProfileSnapshot(
        customer_id=customer_of(number),
        version=version,
        identifiers=(PSEUDONYMS.of(card(number)),),
        as_of=NOW,
        accepted_at=accepted_at,
        consents=(ConsentInForce(purpose="personal_offers", channel="any", granted=consent),),
        open_complaint=complaint,
        ranking_state=state_of(visits, labels).to_json(),
    )
    return an_event(view, f"{view.customer_id}:{version}")


def a_model(number: int = 1) -> Event:
    """The prior ranker with a population in which low numbers sell best."""
    body = {"format": 1, "model": None, "population": b64encode(a_population().encode()).decode()}
    published = ModelPublished(
        model_name=MODEL_NAME, number=number, model_id=f"needs-{number}", trained_until=NOW, body=body
    )
    return an_event(published, f"needs:{number}")


def a_population() -> PopulationState:
    state = PopulationState()
    codes = []
    for item_id, category in ITEMS.items():
        state.row_of[item_id] = len(state.item_ids)
        state.item_ids.append(item_id)
        codes.append(state.categories.add(category))
        state.types.add(category)
    rows = len(state.item_ids)
    state.stats = np.zeros((rows, COLUMNS))
    state.stats[1:, :5] = np.array([[1.0 / int(item_id[-1])] for item_id in ITEMS])
    state.category_codes = np.array([0, *codes], np.int64)
    state.type_codes = state.category_codes
    state.popular = np.argsort(-state.stats[:, 1], kind="stable")[: rows - 1].astype(np.int64)
    state.reference_at_days = NOW.timestamp() / 86_400
    return state
