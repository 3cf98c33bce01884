"""Laws of returns on real PostgreSQL: discounts come back once, whatever returns, is voided or redeemed in which order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.contracts import Event
from libs.common.contracts.pos import Void
from services.offers.bootstrap.rounds import returns_round
from services.offers.handlers.repeating import FORGOTTEN_TOGETHER
from services.offers.store.money.ledger import PostgresLedger
from tests.integration.offers.test_redemptions import a_return, hand, money
from tests.integration.offers.test_stacking import a_till, amounts_off, redeem, redeem_set
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, an_event
from tests.support.offers_running import Till, next_id, open_till, redemption_body, tell_world
from tests.support.postgres import Database

TWO = [
    {"line_no": 1, "item_id": "milk-1", "quantity": "2", "amount_cents": 1_000},
    {"line_no": 2, "item_id": "bread-1", "quantity": "1", "amount_cents": 600},
]


def a_void(event_id: str, receipt_id: str, **changes: Any) -> Event:
    fact = Void(receipt_id=event_id, store_id="store-1", currency="USD", voided_receipt_id=receipt_id)
    return an_event(fact, event_id, **changes)


async def quoted(till: Till, *goods: tuple[str, int], receipt_id: str = "sale") -> Any:
    body = {
        "receipt_id": receipt_id,
        "store_id": "store-1",
        "goods": [{"item_id": item_id, "quantity": str(quantity)} for item_id, quantity in goods],
    }
    answer = await till.client.post("/v1/return-quotes", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_goods_take_back_their_share_of_every_voucher_on_them(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200), ("b", "usual", 100)]) as till:
        await redeem_set(till, ["a", "b"], lines=TWO)
        quote = await quoted(till, ("milk-1", 1))
        assert (quote["refund_cents"], quote["taken_back_cents"]) == (350, 150)
        await hand(till, [a_return("back-1", "sale", [("milk-1", "1")])])
        assert await money(till) == {"reserved": 0, "spent": 150, "given": 150}
        assert (await quoted(till, ("milk-1", 5), ("bread-1", 1)))["refund_cents"] == 950
        await hand(till, [a_return("back-2", "sale", [("milk-1", "5"), ("bread-1", "1")])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}
        sold = await till.rows("SELECT refunded_cents, taken_back_cents FROM sold_receipts")
        assert sold == [{"refunded_cents": 1_300, "taken_back_cents": 300}], "what was paid, and what was given"
        assert (await quoted(till, ("milk-1", 1)))["refund_cents"] == 0
        assert (await quoted(till, ("milk-1", 1), receipt_id="other"))["refund_cents"] is None


@pytest.mark.parametrize("together", [True, False], ids=["set", "code"])
async def test_goods_that_came_back_before_the_redemption_was_told_take_their_share_when_it_comes(
    database: Database, tmp_path: Path, *, together: bool
) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200), ("b", "usual", 100)]) as till:
        await hand(till, [a_return("back-1", "sale", [("milk-1", "1"), ("ghost", "1")])])
        if together:
            await redeem_set(till, ["a", "b"], lines=TWO)
        else:
            assert (await redeem(till, "a", "r1", lines=TWO))["given_cents"] == 200, "what was given at the till"
            await redeem(till, "b", "r2", lines=TWO)
        assert await money(till) == {"reserved": 0, "spent": 150, "given": 150}
        await hand(till, [a_return("back-2", "sale", [("milk-1", "2")])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}


async def test_goods_that_came_back_between_two_redemptions_count_for_both(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200), ("b", "usual", 100)]) as till:
        await redeem(till, "a", "r1", lines=TWO)
        await hand(till, [a_return("back-1", "sale", [("milk-1", "1")])])
        assert await money(till) == {"reserved": 100, "spent": 100, "given": 100}
        await redeem(till, "b", "r2", lines=TWO)
        assert await money(till) == {"reserved": 0, "spent": 150, "given": 150}
        await hand(till, [a_return("back-2", "sale", [("milk-1", "1"), ("bread-1", "1")])])
        sold = await till.rows("SELECT refunded_cents, taken_back_cents FROM sold_receipts")
        assert sold == [{"refunded_cents": 1_300, "taken_back_cents": 300}]


async def test_a_redemption_of_a_release_before_gives_back_what_its_lines_got(
    database: Database, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200)]) as till:
        await redeem(till, "a", "r1", lines=TWO)
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql("DELETE FROM sold_receipts")
        assert (await quoted(till, ("milk-1", 1)))["refund_cents"] is None
        await hand(till, [a_return("back-1", "sale", [("milk-1", "1")])])
        await hand(till, [a_return("back-2", "sale", [("milk-1", "2"), ("bread-1", "1")])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}


async def test_returns_are_remembered_for_a_while(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200)]) as till:
        await hand(till, [a_return("back-1", "sale", [("milk-1", "1")])])
        for before, gone in ((NOW, 0), (NOW + timedelta(seconds=1), 1), (NOW + timedelta(seconds=1), 0)):
            async with till.transaction() as (_, stores):
                assert await stores.redemptions.forget_reversals(before, 10) == gone
        await redeem(till, "a", "r1", lines=TWO)
        assert await money(till) == {"reserved": 0, "spent": 200, "given": 200}


async def test_however_many_returns_wait_to_be_forgotten_a_round_takes_some(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200)]) as till:
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql(f"""
                INSERT INTO goods_returned (event_id, item_id, receipt_id, quantity, occurred_at, noted_at)
                SELECT 'back', n, 'sale', 1, '2020-01-01', '2020-01-01' FROM generate_series(1, {FORGOTTEN_TOGETHER + 5}) AS n
            """)  # noqa: S608  # a number of our own
        forget = returns_round(till.parts)
        assert [await forget(), await forget()] == [FORGOTTEN_TOGETHER, 0], "the rest comes at once, then none"
        assert await till.rows("SELECT event_id FROM goods_returned") == []


async def test_a_receipt_that_was_voided_before_its_redemption_is_told_gives_nothing_and_a_reopened_one_does(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    moment = NOW.isoformat()
    async with open_till(database, tmp_path, play_mode=True) as till:
        voucher = (await till.checkout("checkout", occurred_at=moment))["vouchers"][0]["code"]
        hour = timedelta(hours=1)
        await hand(till, [a_void("void", "sale", at=NOW + hour)])
        late = redemption_body(voucher, "r1", receipt_id="sale", occurred_at=moment)
        assert (await till.client.post("/v1/redemptions", json=late)).json()["status"] == "redeemed"
        assert await money(till) == {"reserved": 100, "spent": 0, "given": 0}, (
            "it was before the void, which took it back"
        )
        reopened = redemption_body(voucher, "r2", receipt_id="sale", occurred_at=(NOW + 2 * hour).isoformat())
        assert (await till.client.post("/v1/redemptions", json=reopened)).json()["status"] == "redeemed"
        assert await money(till) == {"reserved": 0, "spent": 100, "given": 100}
        await hand(till, [a_return("back", "sale", [(item["item_id"], "1") for item in reopened["lines"]])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}


async def test_a_reopened_receipt_gets_no_more_than_the_cap_leaves(database: Database, tmp_path: Path) -> None:
    campaigns = [amounts_off("usual", cap_cents=500)]
    async with a_till(database, tmp_path, [("a", "usual", 300)], *campaigns) as till:
        await redeem(till, "a", "r1", lines=[TWO[0] | {"amount_cents": 100}])
        other = [Wanted("b", "usual", 400, NOW + timedelta(days=1))]
        assert await till.door.issuing.issue(an_issue_request("k2", other, NOW)) == [1]
        await hand(till, [a_return("back", "sale", [("milk-1", "1")]), a_void("void", "sale")])
        assert await money(till) == {"reserved": 500, "spent": 0, "given": 0}
        assert (await redeem(till, "a", "r2", lines=TWO))["given_cents"] == 100, "500 less what somebody else holds"
        assert await money(till) == {"reserved": 400, "spent": 100, "given": 100}
        await hand(till, [a_void("void-2", "sale"), a_void("void-2", "sale")])
        assert await money(till) == {"reserved": 500, "spent": 0, "given": 0}


@pytest.mark.parametrize(
    ("below", "first", "spent", "reserved"),
    [("keep", 600, 200, 0), ("reclaim", 400, 0, 0), ("reissue", 400, 0, 200)],
)
async def test_below_the_minimum_a_campaign_says_what_becomes_of_the_discount(
    database: Database, tmp_path: Path, below: str, first: int, spent: int, reserved: int
) -> None:
    campaign = amounts_off("usual", minimum_basket_cents=1_500, below_minimum=below)
    async with a_till(database, tmp_path, [("a", "usual", 200)], campaign) as till:
        await redeem(till, "a", "r1", lines=TWO)
        later = campaign.model_dump(mode="json") | {"below_minimum": "keep"}
        assert (await till.client.put("/v1/campaigns/usual", json=later)).status_code == 200, "frozen at redemption"
        quote = await quoted(till, ("bread-1", 1))
        assert (quote["refund_cents"], quote["good_again"]) == (first, ["a"] if below == "reissue" else [])
        await hand(till, [a_return("back-1", "sale", [("bread-1", "1")])])
        assert await money(till) == {"reserved": reserved, "spent": spent, "given": spent}
        again = await redeem(till, "a", "r2", receipt_id="sale-2", lines=TWO)
        assert again["reason"] == ("redeemed" if below == "reissue" else "already-redeemed")
        await hand(till, [a_return("back-2", "sale", [("milk-1", "2")])])
        sold = await till.rows("SELECT refunded_cents FROM sold_receipts WHERE receipt_id = 'sale'")
        assert sold == [{"refunded_cents": 1_400}], "what was paid"


ALL_BACK = {"reserved": 0, "spent": 0, "given": 0}


@pytest.mark.parametrize("heard", ["after it", "before it", "with it"])
async def test_a_return_that_was_voided_itself_is_as_if_it_had_not_been(
    database: Database, tmp_path: Path, heard: str
) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200), ("b", "usual", 100)]) as till:
        await redeem_set(till, ["a", "b"], lines=TWO)
        before = await money(till)
        mistaken = a_return("back-1", "sale", [("milk-1", "2"), ("bread-1", "1")])
        void = a_void("void-1", "back-1")
        batches = {"after it": [[mistaken], [void]], "before it": [[void], [mistaken]], "with it": [[mistaken, void]]}
        for batch in batches[heard]:
            await hand(till, batch)
        assert await money(till) == before == {"reserved": 0, "spent": 300, "given": 300}
        quote = await quoted(till, ("milk-1", 1))
        assert (quote["refund_cents"], quote["taken_back_cents"]) == (350, 150), "the goods are the customer's"
        await hand(till, [mistaken, void])
        assert await money(till) == before, "each counts once"
        await hand(till, [a_return("back-2", "sale", [("milk-1", "2"), ("bread-1", "1")])])
        assert await money(till) == ALL_BACK
        sold = await till.rows("SELECT refunded_cents, taken_back_cents FROM sold_receipts")
        assert sold == [{"refunded_cents": 1_300, "taken_back_cents": 300}]


async def test_what_another_return_brought_stays_back(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 200), ("b", "usual", 100)]) as till:
        await redeem_set(till, ["a", "b"], lines=TWO)
        await hand(
            till, [a_return("too-much", "sale", [("milk-1", "2")]), a_return("right", "sale", [("milk-1", "1")])]
        )
        await hand(till, [a_void("void-1", "too-much")])
        assert await money(till) == {"reserved": 0, "spent": 150, "given": 150}
        assert (await quoted(till, ("milk-1", 2)))["refund_cents"] == 350, "one is left"
        await hand(till, [a_void("void-2", "right")])
        assert await money(till) == {"reserved": 0, "spent": 300, "given": 300}
        await hand(till, [a_void("void-3", "sale")])
        await hand(till, [a_void("void-4", "right")])
        assert (await money(till))["spent"] == 0


async def test_what_a_voided_return_reclaimed_is_given_again_and_what_the_budget_cannot_bear_is_not(
    database: Database, tmp_path: Path
) -> None:
    reclaims = amounts_off("reclaims", minimum_basket_cents=1_500, below_minimum="reclaim", cap_cents=200)
    async with a_till(database, tmp_path, [("a", "reclaims", 200)], reclaims) as till:
        await redeem(till, "a", "r1", lines=TWO)
        await hand(till, [a_return("back-1", "sale", [("bread-1", "1")])])
        assert await money(till) == ALL_BACK
        await hand(till, [a_void("void-1", "back-1")])
        assert await money(till) == {"reserved": 0, "spent": 200, "given": 200}
        await hand(till, [a_return("back-2", "sale", [("bread-1", "1")])])
        cap = {"cap_cents": 50}
        body = reclaims.model_dump(mode="json") | cap
        assert (await till.client.put("/v1/campaigns/reclaims", json=body)).status_code == 200
        await hand(till, [a_void("void-2", "back-2")])
        assert await money(till) == {"reserved": 0, "spent": 50, "given": 50}
        await hand(till, [a_return("back-3", "sale", [("milk-1", "2"), ("bread-1", "1")])])
        assert await money(till) == ALL_BACK
        sold = await till.rows("SELECT refunded_cents, taken_back_cents FROM sold_receipts")
        assert sold == [{"refunded_cents": 1_400, "taken_back_cents": 200}], "what was paid"


async def test_a_minimum_is_lowered_and_never_raised(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(minimum_basket_cents=1_000)])
    async with open_till(database, tmp_path) as till:
        for cents, status in ((1_001, 409), (900, 200), (None, 200), (1, 409)):
            body = a_campaign(minimum_basket_cents=cents).model_dump(mode="json")
            answer = await till.client.put("/v1/campaigns/usual", json=body)
            assert answer.status_code == status
        assert answer.json()["title"] == "minimum-raised"


NAMES = ("a", "b", "c")
STEPS = st.one_of(
    st.tuples(st.just("redeem"), st.sampled_from(NAMES), st.sampled_from([1, 2])),
    st.tuples(st.just("set"), st.sampled_from([("a", "b"), ("c", "b", "a")]), st.sampled_from([1, 2])),
    st.tuples(st.just("return"), st.sampled_from(["milk-1", "bread-1", "ghost"]), st.sampled_from([1, 2])),
    st.tuples(st.just("again"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("void"), st.just(""), st.sampled_from([1, 2])),
    st.tuples(st.just("void return"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("roll back"), st.integers(0, 5), st.just(0)),
)


class Story:
    """One customer's vouchers, redeemed and returned on two receipts, in any order and again."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.prefix = next_id("story")
        self.events: list[Event] = []
        self.back_ids: list[str] = []
        self.redemption_ids: list[str] = []

    async def begin(self) -> None:
        campaigns = {"a": "usual", "b": "reclaims", "c": "reissues"}
        wanted = [
            Wanted(f"{self.prefix}-{name}", campaign, cents, NOW + timedelta(days=7))
            for (name, campaign), cents in zip(campaigns.items(), (170, 230, 310), strict=True)
        ]
        await self.till.door.issuing.issue(an_issue_request(self.prefix, wanted, NOW))

    async def take(self, step: str, what: Any, which: int) -> None:
        receipt_id = f"{self.prefix}-{which}"
        if step == "redeem":
            answer = await redeem(self.till, f"{self.prefix}-{what}", next_id("r"), receipt_id=receipt_id, lines=TWO)
            self.redemption_ids.append(answer["redemption_id"])
        elif step == "set":
            names = [f"{self.prefix}-{name}" for name in what]
            answer = await redeem_set(self.till, names, next_id("s"), receipt_id=receipt_id, lines=TWO)
            self.redemption_ids += [each["redemption_id"] for each in answer["redeemed"]]
        elif step == "return":
            self.back_ids.append(next_id("back"))
            self.events.append(a_return(self.back_ids[-1], receipt_id, [(what, "1")]))
            await hand(self.till, self.events[-1:])
        elif step == "void":
            self.events.append(a_void(next_id("void"), receipt_id))
            await hand(self.till, self.events[-1:])
        elif step == "void return" and self.back_ids:
            self.events.append(a_void(next_id("void"), self.back_ids[what % len(self.back_ids)]))
            await hand(self.till, self.events[-1:])
        elif step == "again" and self.events:
            await hand(self.till, [self.events[what % len(self.events)]])
        elif step == "roll back" and self.redemption_ids:
            await self.till.client.post(
                f"/v1/redemptions/{self.redemption_ids[what % len(self.redemption_ids)]}/rollback"
            )

    async def check(self) -> None:
        """What the vouchers gave is what their lines got and did not give back; no receipt refunds more than was paid."""
        vouchers = await self.till.rows(f"""
            SELECT vouchers.voucher_id, state, reserved_cents, vouchers.given_cents, greatest_value_cents,
                   (SELECT count(*) FROM redemptions AS r WHERE r.voucher_id = vouchers.voucher_id
                      AND r.status = 'redeemed' AND r.rolled_back_at IS NULL) AS in_force,
                   (SELECT coalesce(sum(discount_cents - returned_cents), 0)::bigint
                    FROM redemption_lines JOIN redemptions AS r USING (redemption_id)
                    WHERE r.voucher_id = vouchers.voucher_id AND r.status = 'redeemed' AND r.rolled_back_at IS NULL) AS kept
            FROM vouchers WHERE voucher_id LIKE '{self.prefix}-%%'
        """)  # noqa: S608
        for each in vouchers:
            assert each["in_force"] == (each["state"] == "redeemed")
            assert each["given_cents"] == each["kept"]
            assert each["reserved_cents"] in {0, each["greatest_value_cents"]}, (
                "good again for all of it, or not at all"
            )
            assert (each["reserved_cents"] > 0) == (each["state"] == "issued")
        sold = await self.till.rows(f"""
            SELECT refunded_cents,
                   (SELECT sum((line->>'amount_cents')::bigint) FROM jsonb_array_elements(lines) AS line)::bigint AS worth,
                   (SELECT bool_and((line->>'returned_quantity')::numeric = (line->>'quantity')::numeric)
                    FROM jsonb_array_elements(lines) AS line) AS all_back, taken_back_cents
            FROM sold_receipts WHERE receipt_id LIKE '{self.prefix}-%%'
        """)  # noqa: S608
        for each in sold:
            paid_cents = each["worth"] - each["taken_back_cents"]
            assert each["refunded_cents"] <= paid_cents
            assert not each["all_back"] or each["refunded_cents"] == paid_cents


async def test_whatever_is_redeemed_returned_and_voided_in_whatever_order_money_comes_back_once(
    database: Database, tmp_path: Path
) -> None:
    minimum = {"minimum_basket_cents": 1_200}
    campaigns = [
        amounts_off("usual"),
        amounts_off("reclaims", below_minimum="reclaim", **minimum),
        amounts_off("reissues", below_minimum="reissue", **minimum),
    ]
    async with a_till(database, tmp_path, [("x", "usual", 1)], *campaigns) as till:

        async def tell(steps: Sequence[tuple[str, Any, int]]) -> None:
            story = Story(till)
            await story.begin()
            for step in steps:
                await story.take(*step)
                await story.check()

        loop = asyncio.get_running_loop()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(steps=st.lists(STEPS, min_size=3, max_size=10))
        def every_story(steps: list[tuple[str, Any, int]]) -> None:
            asyncio.run_coroutine_threadsafe(tell(steps), loop).result(60)

        await asyncio.to_thread(every_story)
        async with till.parts.transactions.begin() as tx:
            assert all(books.agree for books in await PostgresLedger(tx).books())
