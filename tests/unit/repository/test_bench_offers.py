"""What `make bench-offers` sends is a checkout for every contender, and its figures are what it says they are."""

import json
from datetime import datetime
from decimal import Decimal

import pytest

from benchmarks.ingest import load
from benchmarks.offers import comparing, payload, peers
from benchmarks.offers.chain import CAMPAIGNS, Chain
from benchmarks.offers.running import ACK, EACH_HOT, EACH_SPREAD, FREE, HOT, SPREAD, Measured
from libs.laptop.dataset import Basket, Line, Product
from services.offers.api.checkout import CheckoutRequest
from tests.support.offers_facts import NOW


def a_chain(at: datetime = NOW) -> Chain:
    lines = tuple(Line(f"item-{number}", Decimal(1), 100 + number, 0, 0) for number in range(20))
    products = {
        line.product_id: Product(
            line.product_id, f"category-{number}", "type", "food", stock_keeping=True, voucherable=True
        )
        for number, line in enumerate(lines)
    }
    prices = {line.product_id: line.amount_cents for line in lines}
    basket = Basket("b", "c", "store-1", at, lines)
    return Chain(store_id="store-1", products=products, prices_cents=prices, states=(), basket=basket, model={})


def measured(per_second: float, *, cpu: float = 100.0, postgres: float = 0.0, **answers: int) -> Measured:
    return Measured(per_second, cpu, postgres, 1.0, 2.0, 0, 1.0, answers)


def test_every_checkout_is_valid_for_door_and_peers_and_another_one() -> None:
    sent = load.bodies(payload.checkout(a_chain()), load.unused_prefix())
    bodies = [next(sent) for _ in range(3)]
    ours = [CheckoutRequest.model_validate_json(body) for body in bodies]
    theirs = [peers.Checkout.model_validate_json(body) for body in bodies]
    assert len({checkout.checkout_id for checkout in ours}) == len({checkout.customer for checkout in ours}) == 3
    assert [checkout.checkout_id for checkout in theirs] == [checkout.checkout_id for checkout in ours]
    assert {len(checkout.lines) for checkout in theirs} == {20}
    assert json.loads(bodies[0])["total_cents"] == sum(line.amount_cents for line in ours[0].lines)


def test_spread_promotes_every_category_and_a_hot_campaign_promotes_them_all() -> None:
    spread, hot = a_chain().campaigns(hot=False), a_chain().campaigns(hot=True)
    assert len(spread) == len(hot) == CAMPAIGNS
    assert {category for campaign in spread for category in campaign.categories} == {
        f"category-{number}" for number in range(20)
    }
    assert [campaign.campaign_id for campaign in hot if campaign.categories == ("*",)] == ["campaign-00"]


def test_a_ratio_is_of_the_medians_and_cpu_counts_who_takes_less() -> None:
    results = {
        ACK: [measured(1000.0), measured(3000.0), measured(2000.0)],
        SPREAD: [
            measured(1000.0, cpu=150, postgres=50),
            measured(1.0, cpu=150, postgres=50),
            measured(1500.0, cpu=150),
        ],
        EACH_SPREAD: [measured(250.0, cpu=600, postgres=200)],
        HOT: [measured(900.0)],
        EACH_HOT: [measured(100.0)],
    }
    to_ack, to_each, to_hot, hot_to_spread = comparing.PROMISES
    assert to_ack.ratio(results) == 0.5
    assert to_ack.server_cpu_ratio(results) == pytest.approx(100 / 150)
    assert to_ack.cpu_ratio(results) == 0.5
    assert (to_each.ratio(results), to_each.cpu_ratio(results)) == (4.0, 4.0)
    assert (to_hot.ratio(results), hot_to_spread.ratio(results)) == (9.0, 0.9)


def test_the_shares_of_a_doors_answers_are_over_all_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [measured(1.0, offered=3), measured(1.0, offered=3, late=2)]
    assert comparing.said(rounds) == "offered 75.00%; late 25.00%"
    assert comparing.said([measured(1.0)]) == ""
    results = dict.fromkeys((ACK, SPREAD, FREE, EACH_SPREAD, HOT, EACH_HOT), rounds)
    comparing.show(results)
    assert "one hot budget to spread" in capsys.readouterr().out
