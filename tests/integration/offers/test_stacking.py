"""Laws of several vouchers on one receipt: the chain's rules hold whoever asks first, and each voucher is redeemed at most once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.common.http.credentials import new_key
from tests.integration.offers.test_redemptions import money
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.offers_facts import NOW, a_campaign
from tests.support.offers_running import CODES, SCOPES, Till, open_till, tell_world
from tests.support.postgres import Database

UNKNOWN = "0123-4567-89AB-9"
MILK = [{"line_no": 1, "item_id": "milk-1", "quantity": "1", "amount_cents": 1_000}]


def amounts_off(campaign_id: str, **changes: Any) -> Any:
    """The issue request says what its vouchers give; the campaign says how they go together."""
    return a_campaign(campaign_id, greatest_value_cents=500, **changes)


@asynccontextmanager
async def a_till(
    database: Database, folder: Path, wanted: Sequence[tuple[str, str, int]], *campaigns: Any, **changes: Any
) -> AsyncIterator[Till]:
    """With these vouchers (id, campaign, cents) in customers' hands, all good for milk."""
    await tell_world(database, campaigns=campaigns or [amounts_off("usual")])
    async with open_till(database, folder, **changes) as till:
        vouchers = [Wanted(name, campaign, cents, NOW + timedelta(days=7)) for name, campaign, cents in wanted]
        assert len(await till.door.issuing.issue(an_issue_request("k", vouchers, NOW)) or ()) == len(wanted)
        yield till


def code(name: str) -> str:
    return CODES.code_of(name)


async def say(till: Till, *more: Till, **rules: Any) -> None:
    answer = await till.client.put("/v1/stacking-rules", json=rules)
    assert answer.status_code == 200, answer.text
    for each in (till, *more):
        await each.door.keeper.refresh()


async def ask(till: Till, path: str, **body: Any) -> Any:
    """The answer. Who waits too long for a receipt that many work on is told to ask again, and does."""
    plain = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": MILK}
    for _ in range(20):
        answer = await till.client.post(f"/v1/{path}", json=plain | body)
        if answer.status_code != 503:
            break
    assert answer.status_code == 200, answer.text
    return answer.json()


async def redeem_set(till: Till, names: Sequence[str], set_id: str = "s1", **body: Any) -> Any:
    return await ask(till, "redemption-sets", set_id=set_id, codes=[code(name) for name in names], **body)


async def redeem(till: Till, name: str, redemption_id: str, **body: Any) -> Any:
    return await ask(till, "redemptions", redemption_id=redemption_id, code=code(name), **body)


def given(answer: Any) -> dict[str, int]:
    return {each["voucher_id"]: each["given_cents"] for each in answer["redeemed"]}


def dropped(answer: Any) -> dict[str, tuple[str, list[str]]]:
    return {each["voucher_id"]: (each["reason"], each["by"]) for each in answer["dropped"]}


async def test_a_set_redeems_what_its_weighing_said_each_with_a_redemption_of_its_own(
    database: Database, tmp_path: Path
) -> None:
    wanted = [("a", "usual", 300), ("b", "usual", 200), ("c", "other", 100)]
    both = [amounts_off("usual"), amounts_off("other", stacking={"group": "other"})]
    async with a_till(database, tmp_path, wanted, *both) as till:
        await say(till, groups={"any": {"at_most": 1}})
        weighed = await ask(till, "qualifications", codes=[code("c"), code("b"), code("a"), UNKNOWN])
        assert [each["would_give_cents"] for each in weighed["codes"]] == [100, 200, 300, 0]
        together = weighed["together"]
        assert {each["voucher_id"]: each["would_give_cents"] for each in together["chosen"]} == {"a": 300, "c": 100}
        assert [(each["code_no"], each["reason"], each["by"]) for each in together["dropped"]] == [
            (2, "group-full", ["a"]),
            (4, "unknown-code", []),
        ]
        answer = await redeem_set(till, ["c", "b", "a"])
        assert given(answer) == {"a": 300, "c": 100}
        assert dropped(answer) == {"b": ("group-full", ["a"])}
        assert await redeem_set(till, ["c", "b", "a"]) == answer, "the same attempt, the same answer"
        assert await money(till) == {"reserved": 200, "spent": 400, "given": 400}
        first = answer["redeemed"][0]
        taken_back = (await till.client.post(f"/v1/redemptions/{first['redemption_id']}/rollback")).json()
        assert taken_back["returned_cents"] == first["given_cents"]


async def test_of_all_or_none_one_that_does_not_go_keeps_all_back(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 300), ("b", "usual", 200)]) as till:
        await say(till, groups={"any": {"at_most": 1}})
        none = await redeem_set(till, ["a", "b"], redeem="all")
        assert (none["status"], none["redeemed"]) == ("refused", [])
        assert dropped(none) == {"a": ("not-all", []), "b": ("group-full", ["a"])}
        ghost = await ask(till, "redemption-sets", set_id="s2", codes=[code("a"), UNKNOWN], redeem="all")
        assert ghost["status"] == "refused", "an unknown code too"
        assert {each["code_no"]: each["reason"] for each in ghost["dropped"]} == {1: "not-all", 2: "unknown-code"}
        assert await money(till) == {"reserved": 500, "spent": 0, "given": 0}
        assert given(await redeem_set(till, ["a"], "s3", redeem="all")) == {"a": 300}


async def test_an_id_that_was_used_for_another_set_is_told_so(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 300), ("b", "usual", 200)]) as till:
        await redeem_set(till, ["a"])
        for changes in ({"codes": [code("a"), code("b")]}, {"redeem": "all"}, {"receipt_id": "other"}):
            body = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": MILK, "set_id": "s1"}
            answer = await till.client.post("/v1/redemption-sets", json=body | {"codes": [code("a")]} | changes)
            assert (answer.status_code, answer.json()["title"]) == (422, "other-request")
        assert given(await redeem_set(till, ["b", "a"], "s2")) == {"a": 300, "b": 200}, "a is told as it was"


@pytest.mark.parametrize(
    ("rules", "reason", "second_cents"),
    [
        ({}, "redeemed", 300),
        ({"groups": {"any": {"at_most": 1}}}, "group-full", 0),
        ({"groups": {"any": {"excludes": ["any"]}}}, "excluded-by", 0),
        ({"at_most": 1}, "receipt-full", 0),
        ({"floor": {"ratio": "0.6"}}, "redeemed", 100),
        ({"floor": {"cents": {"USD": 700}}}, "floor-price", 0),
        ({"greatest_total_ratio": "0.45"}, "redeemed", 150),
        ({"greatest_total_cents": {"USD": 300}}, "greatest-total", 0),
    ],
    ids=str,
)
async def test_one_code_after_the_other_gives_no_more_than_the_rules_let_them_together(
    database: Database, tmp_path: Path, rules: dict[str, Any], reason: str, second_cents: int
) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 300), ("b", "usual", 300)]) as till:
        await say(till, **rules)
        assert (await redeem(till, "a", "r1"))["given_cents"] == 300
        second = await redeem(till, "b", "r2")
        assert (second["reason"], second["given_cents"]) == (reason, second_cents)
        elsewhere = await redeem(till, "b", "r3", receipt_id="elsewhere")
        assert elsewhere["reason"] == ("already-redeemed" if second_cents else "redeemed")


async def test_codes_never_give_more_than_the_goods_cost(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [(name, "usual", 400) for name in "abcd"]) as till:
        answers = [await redeem(till, name, f"r-{name}") for name in "abcd"]
        assert [answer["given_cents"] for answer in answers] == [400, 400, 200, 0]
        assert answers[3]["reason"] == "no-eligible-line"


@pytest.mark.parametrize("together", [True, False], ids=["sets", "codes"])
async def test_tills_that_redeem_on_one_receipt_at_once_keep_the_rules(
    database: Database, tmp_path: Path, *, together: bool
) -> None:
    names = [f"v{number:02}" for number in range(24)]
    async with (
        a_till(database, tmp_path, [(name, "usual", 70) for name in names]) as one,
        open_till(database, tmp_path) as other,
    ):
        await say(one, other, groups={"any": {"at_most": 5}}, greatest_total_cents={"USD": 300})
        tills = [one, other] * 12
        if together:
            pairs = [(names[n], names[(n * 7 + 1) % 24]) for n in range(24)]
            asked = [redeem_set(till, pair, f"s{n}") for n, (till, pair) in enumerate(zip(tills, pairs, strict=True))]
        else:
            asked = [redeem(till, name, f"r-{name}") for till, name in zip(tills, names, strict=True)]
        await asyncio.gather(*asked)
        rows = await one.rows("SELECT voucher_id, given_cents FROM redemptions WHERE status = 'redeemed'")
        assert sorted(row["given_cents"] for row in rows) == [20, 70, 70, 70, 70]
        assert len({row["voucher_id"] for row in rows}) == 5
        assert (await money(one))["spent"] == 300


async def test_sets_with_the_same_codes_on_many_receipts_redeem_each_once(database: Database, tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(6)]
    async with a_till(database, tmp_path, [(name, "usual", 50) for name in names]) as till:
        shown = [names[n:] + names[:n] for n in range(6)] * 3
        answers = await asyncio.gather(
            *(redeem_set(till, each, f"s{n}", receipt_id=f"sale-{n}") for n, each in enumerate(shown))
        )
        redeemed = [name for answer in answers for name in given(answer)]
        assert sorted(redeemed) == names
        assert await money(till) == {"reserved": 0, "spent": 300, "given": 300}


async def test_a_basket_below_a_campaign_s_minimum_gets_nothing(database: Database, tmp_path: Path) -> None:
    async with a_till(
        database, tmp_path, [("a", "usual", 300)], amounts_off("usual", minimum_basket_cents=1_001)
    ) as till:
        assert (await redeem(till, "a", "r1"))["reason"] == "below-threshold"
        more = [*MILK, {"line_no": 2, "item_id": "ghost", "quantity": "1", "amount_cents": 1}]
        assert (await redeem(till, "a", "r2", lines=more))["given_cents"] == 300


async def test_rules_have_versions_and_are_in_force_at_every_till(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, [("a", "usual", 300)]) as till:
        assert (await till.client.get("/v1/stacking-rules")).json()["version"] == 0
        for version in (1, 1, 2):
            answer = await till.client.put("/v1/stacking-rules", json={"at_most": version})
            assert answer.json()["version"] == version
        assert (await till.client.get("/v1/stacking-rules")).json()["rules"]["at_most"] == 2
        assert (await till.client.put("/v1/stacking-rules", json={"floor": {"ratio": "1.5"}})).status_code == 422


async def test_many_unknown_codes_in_one_question_lock_as_many_questions_do(database: Database, tmp_path: Path) -> None:
    strangers = [CODES.code_of(f"stranger-{number}") for number in range(12)]
    async with a_till(database, tmp_path, [("a", "usual", 300)], misses_per_lane=5) as till:
        await ask(till, "qualifications", codes=strangers)
        body = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": MILK, "codes": [code("a")]}
        for path, more in (("qualifications", {}), ("redemption-sets", {"set_id": "s1"})):
            assert (await till.client.post(f"/v1/{path}", json=body | more)).status_code == 429


async def test_sets_are_for_authorised_tills_of_their_store(database: Database, tmp_path: Path) -> None:
    blind, without = new_key("blind", SCOPES - {"voucher:explain"})
    there, elsewhere = new_key("elsewhere", SCOPES, store_id="store-2")
    async with a_till(database, tmp_path, [("a", "usual", 300)], more_callers=[without, elsewhere]) as till:
        body = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": MILK, "set_id": "s1"}
        for key in (blind, there):
            headers = {"X-Api-Key": key}
            asked = await till.client.post("/v1/redemption-sets", json=body | {"codes": [code("a")]}, headers=headers)
            assert asked.status_code == 403
