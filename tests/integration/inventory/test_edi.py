"""Trading partners on a real database: orders written once, answers applied once, nothing that came in is lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs.common.http.credentials import new_key, write_credentials
from services.inventory.app import create_app
from services.inventory.bootstrap import assemble
from services.inventory.bootstrap.edi import order_writer_of
from services.inventory.domain.edi.documents import order_number_of
from services.inventory.store import store_of
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.edi_partners import accepted, changed, despatched, edifact, refused, x12
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.logged_commands import a_change, log
from tests.support.postgres import Database

SCOPES = frozenset({"edi:exchange", "edi:partners", "inventory:read"})
MOLKEREI = {
    "supplier_id": "supplier",
    "format": "edifact",
    "ours": {"id": "4012345000009", "qualifier": "14"},
    "theirs": {"id": "4098765000010", "qualifier": "14"},
    "time_zone": "Europe/Berlin",
}
MIDWEST = {
    "supplier_id": "supplier",
    "format": "x12",
    "ours": {"id": "THEUSUAL", "qualifier": "ZZ"},
    "theirs": {"id": "6123456789", "qualifier": "12"},
}


@dataclass
class Lab:
    """The doors of a gateway, and the worker's side of the same database."""

    client: httpx.AsyncClient
    service: RunningInventory

    async def write(self) -> int:
        return await order_writer_of(self.service.parts).run_once()

    async def waiting(self) -> list[dict[str, Any]]:
        query = {"direction": "out", "state": "waiting"}
        answer = await self.client.get("/v1/edi/partners/molkerei/interchanges", params=query)
        found: list[dict[str, Any]] = answer.json()["interchanges"]
        return found

    async def fetch(self) -> list[str]:
        """What a gateway does: reads what waits, hands it on, says so."""
        texts = []
        for each in await self.waiting():
            place = f"/v1/edi/interchanges/{each['interchange_id']}"
            texts.append((await self.client.get(place)).text)
            assert (await self.client.post(f"{place}/fetched")).json()["state"] == "fetched"
        return texts

    async def send(self, raw: bytes) -> httpx.Response:
        return await self.client.post("/v1/edi/partners/molkerei/inbox", content=raw)

    async def commands(self) -> dict[str, dict[str, Any]]:
        rows = await self.service.rows("SELECT * FROM commands")
        return {row["command_id"]: row for row in rows}


@asynccontextmanager
async def lab(database: Database, folder: Path, partner: dict[str, Any] = MOLKEREI) -> AsyncIterator[Lab]:
    key, credential = new_key("gateway", SCOPES)
    write_credentials(folder / "credentials.json", [credential])
    async with running_inventory(database) as service:
        parts = assemble(settings_for(database, credentials_file=folder / "credentials.json"), "api")
        transport = httpx.ASGITransport(app=create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers={"X-Api-Key": key}) as client:
            made = await client.put("/v1/edi/partners/molkerei", json=partner)
            assert made.status_code == 200, made.text
            yield Lab(client, service)
        await parts.engine.dispose()


async def decided(here: Lab) -> list[Any]:
    """Real orders of a review, in the order in which they were logged."""
    await here.service.take(a_fortnight(items=4))
    await here.service.review(4.2)
    await numbered(here)
    return [each for each in await here.service.commands_sent() if getattr(each, "supplier_id", None)]


async def numbered(here: Lab) -> None:
    async with here.service.parts.transactions.begin() as tx:
        await store_of(tx).log.number()


async def test_each_order_is_written_once_and_waits_to_be_fetched(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        orders = await decided(here)
        assert orders
        assert [await here.write(), await here.write()] == [1, 0]
        (text,) = await here.fetch()
        for order in orders:
            assert text.count(f"BGM+220+{order_number_of(order.command_id)}+9'") == 1
            assert f"PIA+5+{order.item_id}:IN'QTY+21:{order.quantity:f}:PCE'" in text
        assert await here.waiting() == []
        assert (await here.client.get("/v1/edi/partners/molkerei")).json()["last_control_number"] == 1


async def test_answers_move_commands_once_and_are_receipted(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        first, second, third, fourth, *_ = await decided(here)
        await here.write()
        await here.fetch()
        names = [order_number_of(each.command_id) for each in (first, second, third, fourth)]
        answers = [accepted(names[0]), changed(names[1], "1"), refused(names[2]), despatched(names[3], "2")]
        for place, each in ((1, second), (3, fourth)):
            answers[place] = [line.replace("milk", each.item_id) for line in answers[place]]
        raw = edifact(*answers)
        taken = await here.send(raw)
        assert taken.status_code == 200, taken.text
        assert [each["effects"] for each in taken.json()["documents"]] == [["applied"]] * 4
        commands = await here.commands()
        assert [commands[each.command_id]["state"] for each in (first, second, fourth)] == [
            "acknowledged",
            "amended",
            "shipped",
        ]
        assert commands[second.command_id]["promised_milli"] == 1_000
        assert commands[fourth.command_id]["promised_milli"] == 2_000
        again = await here.send(raw)
        assert again.json()["repeated"] is True
        assert again.json()["interchange_id"] == taken.json()["interchange_id"]
        assert await here.commands() == commands
        (receipt,) = await here.fetch()
        assert "UCI+7001+4098765000010:14+4012345000009:14+7'" in receipt
        reasons = await here.service.rows("SELECT reason FROM acknowledgements WHERE status = 'rejected'")
        assert reasons == [{"reason": "edifact-27"}]


async def test_what_cannot_be_read_is_kept_with_its_reason_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        order = (await decided(here))[0]
        await here.write()
        await here.fetch()
        before = await here.commands()
        good = edifact(refused(order_number_of(order.command_id)))
        hostile = [b"", b"\x00\xff" * 50, good[:-9], edifact(accepted(), sender="4000000000006:14"), b"UNB+" * 10_000]
        for raw in hostile:
            answer = await here.send(raw)
            assert (answer.status_code, answer.json()["title"]) == (422, "edi-invalid"), raw[:40]
            kept = await here.client.get(f"/v1/edi/interchanges/{answer.json()['interchange_id']}")
            assert kept.content == raw
            assert (await here.send(raw)).json()["interchange_id"] == answer.json()["interchange_id"]
        assert (await here.send(b"x" * 300_000)).status_code == 413
        assert await here.commands() == before
        refused_ones = await here.client.get("/v1/edi/partners/molkerei/interchanges", params={"state": "refused"})
        assert len(refused_ones.json()["interchanges"]) == len(hostile)


async def test_a_document_about_no_order_of_ours_has_a_fault_and_the_others_count(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        order = (await decided(here))[0]
        await here.write()
        await here.fetch()
        taken = await here.send(edifact(accepted("NOBODY"), accepted(order_number_of(order.command_id))))
        strange, good = taken.json()["documents"]
        assert "no such order" in strange["fault"]
        assert good["effects"] == ["applied"]
        (receipt,) = await here.fetch()
        assert "+8'UCM+1+ORDRSP:D:96A:UN+4+12'UCM+2+ORDRSP:D:96A:UN+7'" in receipt


async def test_a_control_reference_is_good_for_one_interchange(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        first, second, *_ = await decided(here)
        await here.write()
        await here.fetch()
        assert (await here.send(edifact(accepted(order_number_of(first.command_id))))).status_code == 200
        other = await here.send(edifact(refused(order_number_of(second.command_id))))
        assert other.json()["title"] == "edi-invalid"
        assert (await here.commands())[second.command_id]["state"] == "sent"
        mended = await here.send(edifact(refused(order_number_of(second.command_id)), reference="7002"))
        assert mended.json()["documents"][0]["effects"] == ["applied"]


async def test_a_partners_receipt_says_whether_our_orders_were_understood(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        await decided(here)
        await here.write()
        await here.fetch()
        await here.send(edifact(["CONTRL", "UCI+1+4012345000009:14+4098765000010:14+4+21"]))
        out = await here.client.get("/v1/edi/partners/molkerei/interchanges", params={"direction": "out"})
        assert [(each["state"], each["detail"]) for each in out.json()["interchanges"]] == [("rejected", "21")]


async def test_x12_goes_the_same_way(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path, MIDWEST) as here:
        first, second, *_ = await decided(here)
        await here.write()
        (text,) = await here.fetch()
        name, other = order_number_of(first.command_id), order_number_of(second.command_id)
        assert f"BEG*00*SA*{name}**" in text
        raw = x12("PR", ["855", f"BAK*00*AK*{name}*20311207"], ["855", f"BAK*00*RJ*{other}*20311207"])
        taken = await here.send(raw)
        assert [each["effects"] for each in taken.json()["documents"]] == [["applied"], ["applied"]]
        (receipt,) = await here.fetch()
        assert "AK1*PR*301~AK2*855*0001~AK5*A~AK2*855*0002~AK5*A~AK9*A*2*2*2~" in receipt
        assert (await here.commands())[first.command_id]["state"] == "acknowledged"


async def test_an_order_that_cannot_be_said_holds_up_no_other(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path, {**MOLKEREI, "character_set": "UNOA"}) as here:
        await decided(here)  # item ids are in small letters, which UNOA has not
        assert await here.write() == 0
        found = await here.client.get("/v1/edi/partners/molkerei/interchanges", params={"state": "unsayable"})
        assert "UNOA has no" in found.json()["interchanges"][0]["detail"]


async def test_two_writers_at_once_write_each_order_once(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        orders = await decided(here)
        await asyncio.gather(*(here.write() for _ in range(4)))
        (text,) = await here.fetch()
        assert text.count("BGM+220+") == len(orders)


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Mars/Base"},
        {"character_set": "UNOZ"},
        {"format": "x12", "ours": {"id": "A" * 20}},
        {"format": "x12", "ours": {"id": "A*B"}},
        {"format": "x12", "theirs": {"id": "AB", "qualifier": "LONG"}},
        {"extra": 1},
    ],
)
async def test_settings_that_fit_no_partner_are_refused(
    database: Database, tmp_path: Path, change: dict[str, Any]
) -> None:
    async with lab(database, tmp_path) as here:
        answer = await here.client.put("/v1/edi/partners/x", json={**MOLKEREI, "supplier_id": "y", **change})
        assert (answer.status_code, answer.json()["title"]) == (422, "invalid-input")
        taken = await here.client.put("/v1/edi/partners/x", json=MOLKEREI)
        assert (taken.status_code, taken.json()["title"]) == (409, "supplier-taken")


async def test_versions_repeats_and_withdrawals_say_what_they_do_to_the_order(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        c1 = {"command_id": "c1", "supplier_id": "supplier"}
        await log(
            here.service,
            a_change(1, **c1),
            a_change(2, **c1, attempts=2),
            a_change(3, **c1, version=2, quantity_milli=30_000),
            a_change(4, **c1, version=2, change="withdrawn", state="cancelled"),
            a_change(5, command_id="c2", supplier_id="supplier", change="withdrawn", state="cancelled"),
            a_change(6, command_id="c3", supplier_id="somebody-else"),
        )
        assert await here.write() == 1
        (text,) = await here.fetch()
        name = order_number_of("c1")
        assert re.findall(r"BGM\+220\+(\w+)\+(\d)'", text) == [(name, "9"), (name, "7"), (name, "5"), (name, "1")]
        assert "QTY+21:30:PCE'" in text
        assert (await here.client.get("/v1/edi/partners/molkerei")).json()["cursor"] == 6


async def test_an_answer_counts_for_the_version_that_the_partner_has(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        order = (await decided(here))[0]
        await here.write()
        await here.fetch()
        version = {"command_id": order.command_id, "item_id": order.item_id, "supplier_id": "supplier", "version": 2}
        (head,) = await here.service.rows("SELECT max(position) AS head FROM command_log")
        await log(here.service, a_change(head["head"] + 1, **version))
        await here.write()  # written, and not fetched
        await here.send(edifact(accepted(order_number_of(order.command_id))))
        assert await here.service.rows("SELECT version FROM acknowledgements") == [{"version": 1}]


async def test_what_was_refused_for_our_settings_counts_once_they_are_right(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path, {**MOLKEREI, "is_test": True}) as here:
        order = (await decided(here))[0]
        await here.write()
        await here.fetch()
        raw = edifact(accepted(order_number_of(order.command_id)))
        refusals = [(await here.send(raw)).json() for _ in range(2)]
        assert {(each["title"], each["interchange_id"]) for each in refusals} == {
            ("edi-invalid", refusals[0]["interchange_id"])
        }
        await here.client.put("/v1/edi/partners/molkerei", json=MOLKEREI)
        taken = (await here.send(raw)).json()
        assert (taken["interchange_id"], taken["state"], taken["repeated"]) == (
            refusals[0]["interchange_id"],
            "taken",
            False,
        )
        assert taken["documents"][0]["effects"] == ["applied"]
        assert (await here.send(raw)).json()["repeated"] is True
        assert (await here.commands())[order.command_id]["state"] == "acknowledged"
        assert len(await here.service.rows("SELECT state FROM edi_interchanges WHERE direction = 'in'")) == 1


@pytest.mark.parametrize("partner", [{**MOLKEREI, "character_set": "UNOA"}, MIDWEST])
async def test_an_answer_whose_receipt_cannot_be_said_counts_all_the_same(
    database: Database, tmp_path: Path, partner: dict[str, Any]
) -> None:
    async with lab(database, tmp_path, partner) as here:
        if partner["format"] == "x12":  # a sign that the partner does not separate by, and we do
            raw = x12("PR", ["855", "BAK*00*AK*PO1*20311207"]).replace(b"*P*>~", b"*P*:~").replace(b"*0001", b"*00>1")
        else:
            raw = edifact(accepted(), reference="small letters")
        taken = await here.send(raw)
        assert (taken.status_code, taken.json()["state"], taken.json()["receipt"]) == (200, "taken", None)
        aside = await here.service.rows("SELECT kind, detail FROM edi_interchanges WHERE state = 'unsayable'")
        assert [each["kind"] for each in aside] == ["receipt"]
        assert (await here.send(raw)).json()["repeated"] is True


async def test_one_despatch_advice_speaks_of_many_orders(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        first, second, *_ = await decided(here)
        await here.write()
        await here.fetch()
        shipped = [
            part
            for number, order in enumerate((first, second), 1)
            for part in (
                f"LIN+{number}++{order.item_id}:IN",
                "QTY+12:1:PCE",
                f"RFF+ON:{order_number_of(order.command_id)}",
            )
        ]
        taken = await here.send(edifact(["DESADV", "BGM+351+D1+9", "CPS+1", *shipped, "CNT+2:2"]))
        assert taken.json()["documents"][0]["effects"] == ["applied", "applied"]
        commands = await here.commands()
        assert {commands[order.command_id]["state"] for order in (first, second)} == {"shipped"}


async def test_more_than_anybody_orders_in_many_parts_is_a_fault(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        order = (await decided(here))[0]
        await here.write()
        await here.fetch()
        *parts, end = despatched(order_number_of(order.command_id), "1000000000")
        taken = await here.send(edifact([*parts, "LIN+1++milk:IN", "QTY+12:1:PCE", end]))
        assert "more than anybody orders" in taken.json()["documents"][0]["fault"]


async def test_two_partners_that_name_one_supplier_at_once_are_told_apart(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        for supplier in ("a", "b", "c"):
            body = {**MOLKEREI, "supplier_id": supplier}
            answers = await asyncio.gather(
                *(here.client.put(f"/v1/edi/partners/{supplier}{number}", json=body) for number in range(4))
            )
            assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]


async def test_a_receipt_that_comes_before_the_gateway_says_fetched_stays_said(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        await decided(here)
        await here.write()
        (waiting,) = await here.waiting()
        async with here.service.parts.transactions.begin() as tx:
            await tx.connection.execute(
                text("UPDATE edi_interchanges SET state = 'acknowledged' WHERE interchange_id = :id"),
                {"id": waiting["interchange_id"]},
            )
            fetched = asyncio.create_task(here.client.post(f"/v1/edi/interchanges/{waiting['interchange_id']}/fetched"))
            await asyncio.wait([fetched], timeout=0.3)  # it has read what was there before, unless it waits
        assert (await fetched).json()["state"] == "acknowledged"
        rows = await here.service.rows("SELECT state FROM edi_interchanges WHERE direction = 'out'")
        assert rows == [{"state": "acknowledged"}]
