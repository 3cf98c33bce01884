"""Laws of ranking for many checkouts at once."""

import asyncio
from datetime import timedelta

import pytest

from libs.common.contracts.profile import ModelPublished
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Moment, state_of
from services.offers.domain.needs import NeedModel, posed
from services.offers.handlers.ranking import TOGETHER, SharedRanking
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


async def test_who_asks_together_gets_what_it_gets_alone_from_its_own_model() -> None:
    ranking, models = SharedRanking(), [a_need_model(), NeedModel.unlearned()]
    customers = [(models[number % 3 == 0], a_customer(number)) for number in range(2 * TOGETHER + 5)]
    baskets = [[*ITEMS][number % 4 : number % 4 + 2] for number in range(len(customers))]
    together = await asyncio.gather(
        *(
            ranking.wanted(model, state.encode(), AT, basket)
            for (model, state), basket in zip(customers, baskets, strict=True)
        )
    )
    for (model, state), basket, wanted in zip(customers, baskets, together, strict=True):
        assert wanted.ranked == model.personal(state, AT, basket)
        assert wanted.categories == state.categories


async def test_a_question_that_fails_fails_alone_and_who_left_is_not_answered() -> None:
    ranking, model, state = SharedRanking(), a_need_model(), a_customer(1)
    broken = posed(state, AT, [1])  # type: ignore[list-item]  # what no till sends
    asked = [asyncio.ensure_future(ranking.personal(model, posed(state, AT, ["bread-1"]))) for _ in range(3)]
    asked.append(asyncio.ensure_future(ranking.personal(model, broken)))
    await asyncio.wait([asked[0]], timeout=0)
    asked[1].cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[0] == found[2] == model.personal(state, AT, ["bread-1"])
    assert isinstance(found[1], asyncio.CancelledError)
    assert isinstance(found[3], TypeError)


async def test_without_a_profile_anybodys_needs_are_told() -> None:
    model = a_need_model()
    wanted = await SharedRanking().wanted(model, None, AT, ["bread-1"])
    assert wanted.ranked == model.popular({"bread-1"})
    with pytest.raises(ValueError, match="unknown format"):
        await SharedRanking().wanted(model, b"\x91\x09", AT, [])
