"""What waits for a person, over HTTP: few, ranked by money, decided once, by somebody whose name is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from libs.common.contracts.inventory import CommandEscalated, CommandWithdrawn, Reorder
from libs.common.http.credentials import new_key, write_credentials
from services.inventory.app import create_app
from services.inventory.bootstrap import assemble
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import an_answer, an_event
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.postgres import Database

SCOPES = frozenset({"inventory:read", "inventory:ack", "inventory:approve"})
POLICY = """
rules:
  - name: dear
    greatest_stake_cents: 17000
"""


@dataclass
class Office:
    """A buyer at the API, and the worker's side of the same database."""

    client: httpx.AsyncClient
    service: RunningInventory

    async def queue(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.client.get("/v1/exceptions", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["exceptions"])

    async def decide(self, row: dict[str, Any], ruling: str, **more: Any) -> httpx.Response:
        command = row["command"]
        body = {"version": command["version"], "ruling": ruling, **more}
        return await self.client.post(f"/v1/commands/{command['command_id']}/decisions", json=body)


@asynccontextmanager
async def open_office(database: Database, folder: Path, scopes: frozenset[str] = SCOPES) -> AsyncIterator[Office]:
    """An office where orders of 170.00 and more wait, after a first review."""
    key, credential = new_key("anna", scopes, holder="purchasing")
    write_credentials(folder / "credentials.json", [credential])
    (folder / "policy.yaml").write_text(POLICY)
    settings: dict[str, Any] = {"approve_everything": False, "approval_policy_file": folder / "policy.yaml"}
    async with running_inventory(database, **settings) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        credentials = {"credentials_file": folder / "credentials.json"}
        parts = assemble(settings_for(database, **settings, **credentials), "api")
        transport = httpx.ASGITransport(app=create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers={"X-Api-Key": key}) as client:
            yield Office(client, service)
        await parts.engine.dispose()


async def test_the_few_that_are_dear_wait_ranked_by_money_and_the_rest_has_left(
    database: Database, tmp_path: Path
) -> None:
    async with open_office(database, tmp_path) as office:
        queue = await office.queue()
        sent = await office.service.commands_sent()
        stakes = [row["command"]["stake_cents"] for row in queue]
        assert len(queue) >= 2
        assert stakes == sorted(stakes, reverse=True)
        assert min(stakes) >= 17_000
        assert all(row["command"]["status"] == "proposed" for row in queue)
        assert all(row["reason"].startswith("goods worth ") for row in queue)
        waiting = {row["command"]["command_id"] for row in queue}
        assert waiting.isdisjoint(one.command_id for one in sent)
        assert len(sent) > len(queue)
        paged: list[str] = []
        query: dict[str, Any] = {"limit": 1}
        while True:
            page = (await office.client.get("/v1/exceptions", params=query)).json()
            paged += [row["command"]["command_id"] for row in page["exceptions"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert paged == [row["command"]["command_id"] for row in queue]


async def test_what_is_approved_leaves_at_once_in_the_name_of_who_approved(database: Database, tmp_path: Path) -> None:
    async with open_office(database, tmp_path) as office:
        await office.service.commands_sent()
        row, *others = await office.queue()
        answer = await office.decide(row, "approve", reason="for the feast")
        assert (answer.status_code, answer.json()["effect"]) == (200, "applied")
        assert answer.json()["command"]["status"] == "sent"
        assert [one.command_id for one in await office.service.commands_sent()] == [row["command"]["command_id"]]
        looked_at = "SELECT due_at = '-infinity' AS next FROM agenda WHERE item_id = :item_id"
        assert await office.service.rows(looked_at, item_id=row["command"]["item_id"]) == [{"next": True}]
        assert await office.queue() == others
        changes = (await office.client.get(f"/v1/commands/{row['command']['command_id']}/history")).json()["changes"]
        assert [(one["change"], one["actor"]) for one in changes] == [
            ("proposed", "review"),
            ("sent", "anna (purchasing)"),
        ]
        assert changes[1]["reason"] == "approved: for the feast"


async def test_ten_that_approve_at_once_send_it_once_and_another_decision_is_refused(
    database: Database, tmp_path: Path
) -> None:
    async with open_office(database, tmp_path) as office:
        await office.service.commands_sent()
        row = (await office.queue())[0]
        answers = await asyncio.gather(*(office.decide(row, "approve") for _ in range(10)))
        effects = sorted(answer.json().get("effect", answer.status_code) for answer in answers)
        assert effects == ["applied", *["repeated"] * 9]
        assert len(await office.service.commands_sent()) == 1
        other = await office.decide(row, "reject")
        assert (other.status_code, other.json()["title"]) == (409, "decided-otherwise")


async def test_an_amendment_is_sent_as_the_next_version_and_a_repeat_of_it_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with open_office(database, tmp_path) as office:
        await office.service.commands_sent()
        row = (await office.queue())[0]
        for effect in ("applied", "repeated"):
            answer = await office.decide(row, "amend", packs=5)
            assert (answer.json()["effect"], answer.json()["command"]["quantity"]) == (effect, "5")
            assert "by anna (purchasing)" in answer.json()["command"]["explanation"]
        (sent,) = await office.service.commands_sent()
        assert isinstance(sent, Reorder)
        assert (sent.version, sent.packs, str(sent.quantity)) == (2, 5, "5")
        stale = await office.decide(row, "approve")
        assert (stale.status_code, stale.json()["title"]) == (409, "decided-otherwise")


async def test_a_rejected_proposal_never_leaves_and_its_need_is_not_proposed_again_that_day(
    database: Database, tmp_path: Path
) -> None:
    async with open_office(database, tmp_path) as office:
        await office.service.commands_sent()
        for row in await office.queue():
            assert (await office.decide(row, "reject", reason="not now")).status_code == 200
        await office.service.review(4.3)
        assert await office.queue() == []
        assert await office.service.commands_sent() == []


async def test_what_was_sent_can_be_withdrawn_aloud_until_somebody_answers(database: Database, tmp_path: Path) -> None:
    async with open_office(database, tmp_path) as office:
        first, second, *_ = await office.service.commands_sent()
        gone = {"command": {"command_id": first.command_id, "version": first.version}}
        answer = await office.decide(gone, "withdraw", reason="wrong count")
        assert answer.json()["command"]["status"] == "cancelled"
        (notice,) = [event.data for event in await office.service.sent("inventory.commands.v1")]
        assert isinstance(notice, CommandWithdrawn)
        assert (notice.command_id, notice.reason) == (first.command_id, "wrong count")
        await office.service.take([an_event(an_answer(second.command_id, second.item_id), "yes", 4.3)])
        late = {"command": {"command_id": second.command_id, "version": second.version}}
        refused = await office.decide(late, "withdraw")
        assert (refused.status_code, refused.json()["title"]) == (409, "not-to-be-decided")


async def test_a_proposal_that_nobody_decides_on_is_escalated_then_lapses_and_its_need_is_asked_for_anew(
    database: Database, tmp_path: Path
) -> None:
    async with open_office(database, tmp_path) as office:
        await office.service.commands_sent()
        before = {row["command"]["command_id"] for row in await office.queue()}
        await office.service.review(4.6)
        said = [event.data for event in await office.service.sent("inventory.commands.v1")]
        called = {one.command_id for one in said if isinstance(one, CommandEscalated) and one.alarm == "unapproved"}
        assert called == before
        assert {row["command"]["command_id"] for row in await office.queue(waits_for="unapproved")} == before
        await office.service.review(6.3)
        after = await office.queue(waits_for="approval")
        assert after
        assert before.isdisjoint(row["command"]["command_id"] for row in after)


async def test_an_alarm_waits_with_its_reason_until_somebody_has_seen_it(database: Database, tmp_path: Path) -> None:
    async with open_office(database, tmp_path) as office:
        sent = await office.service.commands_sent()
        for days in (4.35, 4.5):
            await office.service.review(days)
        queue = await office.queue(waits_for="unanswered")
        assert {row["command"]["command_id"] for row in queue} <= {one.command_id for one in sent}
        assert queue[0]["reason"].startswith("sent 2 times, and nobody has answered; it lapses at ")
        assert (await office.decide(queue[0], "dismiss")).json()["command"]["alarm"] is None
        assert await office.queue(waits_for="unanswered") == queue[1:]


async def test_who_may_only_read_decides_nothing(database: Database, tmp_path: Path) -> None:
    async with open_office(database, tmp_path, frozenset({"inventory:read", "inventory:ack"})) as office:
        row = (await office.queue())[0]
        assert (await office.decide(row, "approve")).status_code == 403
        assert await office.queue()


async def test_requests_that_say_too_much_or_too_little_are_refused(database: Database, tmp_path: Path) -> None:
    async with open_office(database, tmp_path) as office:
        row = (await office.queue())[0]
        for ruling, more in (("amend", {}), ("approve", {"packs": 3})):
            answer = await office.decide(row, ruling, **more)
            assert (answer.status_code, answer.json()["title"]) == (422, "packs-and-ruling")
        other = {"command": {"command_id": row["command"]["command_id"], "version": 7}}
        answer = await office.decide(other, "approve")
        assert (answer.status_code, answer.json()["title"]) == (409, "version-replaced")
        nobody = {"command": {"command_id": "nobody", "version": 1}}
        assert (await office.decide(nobody, "approve")).status_code == 404
        for after in ("x", "9" * 5_000 + ":c", "9" * 19 + ":c"):
            assert (await office.client.get("/v1/exceptions", params={"after": after})).status_code == 422
        assert (await office.client.get("/v1/commands/nobody/history")).status_code == 404
