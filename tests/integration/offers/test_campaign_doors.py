"""Laws of the campaign doors and of the file that the migrate role applies."""

from pathlib import Path

import pytest
import yaml

from libs.common.errors import InvalidInput
from libs.common.http.credentials import new_key
from libs.common.persistence import Transactions, make_engine
from services.offers.bootstrap.migration import campaigns_in
from services.offers.bootstrap.parts import SERVICE
from services.offers.handlers.campaigns.versions import apply_campaigns
from services.offers.store.campaigns.versions import PostgresCampaigns
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import open_till, tell_world
from tests.support.postgres import Database


async def test_a_campaign_is_versioned_and_the_same_content_makes_no_version(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[])
    async with open_till(database, tmp_path) as till:
        body = a_campaign().model_dump(mode="json")
        versions = [
            (await till.client.put("/v1/campaigns/usual", json=each)).json()["version"]
            for each in (body, body, body | {"percent": 20}, body | {"percent": 20}, body)
        ]
        assert versions == [1, 1, 2, 2, 3]
        shown = (await till.client.get("/v1/campaigns/usual")).json()
        assert shown["campaign"] == body
        assert shown["budget"] == {
            "cap_cents": 1_000_000,
            "reserved_cents": 0,
            "spent_cents": 0,
            "remaining_cents": 1_000_000,
            "exposure_cents": 0,
            "over_issue_cents": 0,
            "backing_cents": 0,
            "drawn_cents": 0,
            "leased_cents": 0,
            "lost_cents": 0,
        }
        assert [each["version"] for each in (await till.client.get("/v1/campaigns")).json()] == [3]
        assert await till.rows("SELECT count(*) FROM campaigns") == [{"count": 3}]


async def test_a_campaign_that_breaks_a_rule_is_refused_with_the_reason(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    bound, credential = new_key("bound", frozenset({"voucher:request"}))
    async with open_till(database, tmp_path, more_callers=[credential]) as till:
        await till.checkout("checkout", slots=3)
        body = a_campaign().model_dump(mode="json")
        outcomes = {
            name: (answer.status_code, answer.json()["title"])
            for name, answer in {
                "left its rails": await till.client.put("/v1/campaigns/usual", json=body | {"percent": 90}),
                "another id": await till.client.put("/v1/campaigns/other", json=body),
                "another currency": await till.client.put("/v1/campaigns/usual", json=body | {"currency": "EUR"}),
                "a cap below what is reserved": await till.client.put(
                    "/v1/campaigns/usual", json=body | {"cap_cents": 299}
                ),
                "unknown": await till.client.get("/v1/campaigns/ghost"),
                "without the scope": await till.client.get("/v1/campaigns", headers={"X-Api-Key": bound}),
            }.items()
        }
        assert outcomes == {
            "left its rails": (422, "invalid-input"),
            "another id": (422, "invalid-input"),
            "another currency": (409, "currency-change"),
            "a cap below what is reserved": (409, "cap-below-exposure"),
            "unknown": (404, "not-found"),
            "without the scope": (403, "missing-scope"),
        }
        assert (await till.client.put("/v1/campaigns/usual", json=body | {"cap_cents": 300})).status_code == 200


async def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[])
    file = tmp_path / "campaigns.yaml"
    two = [a_campaign("a").model_dump(mode="json"), a_campaign("b", percent=5).model_dump(mode="json")]
    file.write_text(yaml.safe_dump({"campaigns": two}))
    engine = make_engine(database.url("offers"), schema=SERVICE, application_name="test")
    changed = []
    for _ in range(2):
        async with Transactions(engine, SERVICE).begin() as tx:
            changed.append(await apply_campaigns(PostgresCampaigns(tx), campaigns_in(file), "file"))
    await engine.dispose()
    assert changed == [2, 0]


@pytest.mark.parametrize(
    "content", ["", "campaigns: 7", "campaigns: [{campaign_id: a}]", "{", "campaigns: [!!python/object:os.system {}]"]
)
def test_a_file_that_is_no_campaign_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(content)
    with pytest.raises(InvalidInput, match=r"odd\.yaml"):
        campaigns_in(file)


def test_a_file_that_names_a_campaign_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text(yaml.safe_dump({"campaigns": [a_campaign().model_dump(mode="json")] * 2}))
    with pytest.raises(InvalidInput, match="twice"):
        campaigns_in(file)
