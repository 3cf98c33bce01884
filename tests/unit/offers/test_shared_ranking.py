"""Laws of ranking for many checkouts at once."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from libs.common.contracts.profile import ModelPublished
from libs.ranking.sketch import Sketch, hash_of
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Moment, state_of
from services.offers.domain.decisions.needs import NeedModel, posed
from services.offers.handlers.decisions.ranking import TOGETHER, SharedRanking
from services.offers.ports.checkout import KnownCustomer
from tests.support.offers_facts import ITEMS, NOW, a_model
from tests.support.shopping import a_trip

LABELS = {item: (category, category) for item, category in ITEMS.items()}
AT = Moment(int((NOW + timedelta(days=1)).timestamp()), "store-1", "till")


def a_need_model() -> NeedModel:
    published = a_model().data
    assert isinstance(published, ModelPublished)
    return NeedModel.of(published.model_id, published.body)


def a_customer(number: int) -> CustomerRankingState:
    items = [*ITEMS][number % 7 : number % 7 + 3]
    first_day = (AT.at_seconds / DAY_SECONDS) % 1 + number % 5
    return state_of([a_trip(first_day + 3 * trip, *items, store_id="store-1") for trip in range(4)], LABELS)


def known(state: CustomerRankingState, *, sketched: bool) -> KnownCustomer:
    """As a row of this release tells it, or of one that knew no sketches."""
    return KnownCustomer(
        customer_id="customer-1",
        personal_offers=True,
        open_complaint=False,
        sketch=Sketch.of(state).encode() if sketched else None,
        ranking_state=b"" if sketched else state.encode(),
    )


async def test_who_asks_together_gets_what_it_gets_alone_from_its_own_model() -> None:
    ranking, models = SharedRanking(), [a_need_model(), NeedModel.unlearned()]
    customers = [(models[number % 3 == 0], a_customer(number)) for number in range(2 * TOGETHER + 5)]
    baskets = [[*ITEMS][number % 4 : number % 4 + 2] for number in range(len(customers))]
    together = await asyncio.gather(
        *(
            ranking.wanted(model, known(state, sketched=number % 2 == 0), AT, basket)
            for number, ((model, state), basket) in enumerate(zip(customers, baskets, strict=True))
        )
    )
    for (model, state), basket, wanted in zip(customers, baskets, together, strict=True):
        assert wanted.likely == model.personal(Sketch.of(state), AT, basket)
        assert {*wanted.categories} == {hash_of(category) for category in state.categories}


async def test_a_question_that_fails_fails_alone_and_who_left_is_not_answered() -> None:
    ranking, model, sketch = SharedRanking(), a_need_model(), Sketch.of(a_customer(1))
    broken = posed(sketch, AT, [1])  # type: ignore[list-item]  # what no till sends
    asked = [asyncio.ensure_future(ranking.personal(model, posed(sketch, AT, ["bread-1"]))) for _ in range(3)]
    asked.append(asyncio.ensure_future(ranking.personal(model, broken)))
    await asyncio.wait([asked[0]], timeout=0)
    asked[1].cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[0] == found[2] == model.personal(sketch, AT, ["bread-1"])
    assert isinstance(found[1], asyncio.CancelledError)
    assert isinstance(found[3], AttributeError)


async def test_without_a_profile_anybodys_needs_are_told() -> None:
    model = a_need_model()
    wanted = await SharedRanking().wanted(model, None, AT, ["bread-1"])
    assert wanted.likely == model.popular({"bread-1"})
    with pytest.raises(ValueError, match="unknown format"):
        await SharedRanking().wanted(
            model, msgspec.structs.replace(known(a_customer(1), sketched=False), ranking_state=b"\x91\x09"), AT, []
        )
