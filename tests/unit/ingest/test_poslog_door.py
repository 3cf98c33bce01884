"""`POST /v1/poslog`: an answer for each transaction, whatever its neighbours, the broker and the database do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from libs.common.card_numbers import CardNumberGuard
from libs.common.clock import SystemClock
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.rate_limits import Rates
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from libs.common.streaming.errors import SendUnknown
from services.ingest.api.body import Limits
from services.ingest.api.poslog import poslog_router
from services.ingest.domain.intake import Intake
from services.ingest.domain.poslog import Assumed, XmlLimits
from services.ingest.handlers.poslog import PoslogDoor
from tests.support.poslog_documents import document, poslog, sale, transaction
from tests.unit.ingest.examples import Door

LIMITS = Limits(greatest_body_bytes=100_000, greatest_batch=10, body_deadline_seconds=30.0)
CALLERS = {"till": ({"events:write"}, "*"), "bound": ({"events:write"}, "8"), "office": ({"quarantine:read"}, "*")}
BROKEN = transaction(sale("1.005"), sequence="2")


@pytest.fixture
def rates() -> Rates:
    return Rates(key_per_second=0, store_per_second=0, burst_seconds=1)


@pytest.fixture
def door(rates: Rates) -> Door:
    return Door(rates=rates)


@pytest.fixture
def intake() -> Intake:
    return Intake(limit_bytes=200_000)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {name: new_key(name, frozenset(scopes), store_id=store) for name, (scopes, store) in CALLERS.items()}
    write_credentials(tmp_path / "credentials.json", [credential for _, credential in made.values()])
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
async def client(door: Door, intake: Intake, keys: dict[str, str], tmp_path: Path) -> AsyncIterator[AsyncClient]:
    app = create_service_app("test", description="", health=Health(), metrics=door.registry)
    app.state.credentials = Credentials(tmp_path / "credentials.json", SystemClock())
    behind = PoslogDoor(door=door.front, limits=XmlLimits(greatest_transactions=10), guard=CardNumberGuard())
    app.include_router(poslog_router(behind, intake, LIMITS, Assumed()))
    transport = ASGITransport(app, raise_app_exceptions=False)
    headers = {"x-api-key": keys["till"], "content-type": "application/xml"}
    async with AsyncClient(transport=transport, base_url="http://door", headers=headers) as client:
        yield client


async def send(client: AsyncClient, body: bytes, query: str = "", **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await client.post(f"/v1/poslog{query}", content=body, headers=named)


def fates(answer: Response) -> list[Any]:
    return [one.get("skipped") or [event["status"] for event in one["events"]] for one in answer.json()["transactions"]]


async def test_each_transaction_is_answered_in_order_and_what_was_not_read_is_listed(
    client: AsyncClient, door: Door
) -> None:
    answer = await send(client, document("day_v2"), "?time_zone=Europe/Berlin")
    assert answer.status_code == 202
    assert fates(answer) == [
        ["accepted", "accepted"],
        ["accepted"],
        ["accepted"],
        ["accepted"],
        "suspended",
        "unmapped-transaction",
    ]
    exchange = answer.json()["transactions"][0]
    assert exchange["time_zone_assumed"] is True
    assert (exchange["receipt_id"], exchange["voided_lines"]) == ("7/2/2026-02-28/101", 2)
    assert answer.json()["unmapped"]["Transaction/OperatorID/@OperatorName"] == 1
    assert len(door.publisher.published) == 5


async def test_the_same_document_again_is_told_to_be_a_repeat_and_is_sent_once(client: AsyncClient, door: Door) -> None:
    await send(client, document("sale_v6"))
    again = await send(client, document("sale_v6"))
    assert again.json()["transactions"][0]["events"][0]["duplicate"] is True
    assert len(door.publisher.published) == 1


async def test_a_broken_transaction_is_in_quarantine_byte_for_byte_and_its_neighbours_in_the_topic(
    client: AsyncClient, door: Door
) -> None:
    answer = await send(client, poslog(transaction(), BROKEN, transaction(sequence="3")))
    assert (answer.status_code, fates(answer)) == (202, [["accepted"], ["quarantined"], ["accepted"]])
    (told,) = answer.json()["transactions"][1]["events"]
    assert (told["slug"], told["pointer"]) == (
        "invalid-amount",
        "/Transaction/RetailTransaction/LineItem/Sale/ExtendedAmount",
    )
    assert await door.raw_of(told["quarantine_id"]) == BROKEN.encode()


async def test_a_card_number_is_refused_alone_and_kept_nowhere(client: AsyncClient, door: Door) -> None:
    card = transaction(sale("1", "<PrimaryAccountNumber>4111111111111111</PrimaryAccountNumber>"), sequence="2")
    answer = await send(client, poslog(transaction(), card))
    assert fates(answer) == [["accepted"], ["refused"]]
    assert answer.json()["transactions"][1]["events"][0]["slug"] == "card-number"
    assert not door.quarantine.kept
    assert "4111" not in answer.text


async def test_an_event_that_its_contract_refuses_goes_the_way_of_all_events(client: AsyncClient) -> None:
    answer = await send(client, poslog(transaction(sale("1", item_id="x" * 200)), transaction(sequence="2")))
    assert fates(answer) == [["quarantined"], ["accepted"]]
    assert answer.json()["transactions"][0]["events"][0]["slug"] == "contract-violation"


async def test_a_key_of_another_store_brings_nothing_in(client: AsyncClient, keys: dict[str, str]) -> None:
    answer = await send(client, poslog(transaction()), x_api_key=keys["bound"])
    assert fates(answer) == [["refused"]]
    assert answer.json()["transactions"][0]["events"][0]["slug"] == "wrong-store"


async def test_what_was_not_acknowledged_or_kept_is_a_503_that_says_which(client: AsyncClient, door: Door) -> None:
    door.publisher.failure = SendUnknown("late")
    late = await send(client, poslog(transaction()))
    assert (late.status_code, late.headers["retry-after"], fates(late)) == (503, "1", [["unknown"]])
    door.publisher.failure, door.quarantine.away = None, True
    unkept = await send(client, poslog(transaction(sequence="9"), BROKEN))
    assert (unkept.status_code, fates(unkept)) == (503, [["accepted"], ["refused"]])


@pytest.mark.parametrize(
    ("body", "query", "headers", "status", "slug"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><POSLog/>', "", {}, 422, "xml-forbidden"),
        (b"<POSLog>", "", {}, 422, "invalid-xml"),
        (b"<POSLog/>", "", {}, 422, "not-a-poslog"),
        (poslog(*[transaction(sequence=str(n)) for n in range(1, 12)]), "", {}, 413, "batch-too-large"),
        (poslog(transaction()), "?time_zone=Mars/Base", {}, 422, "unknown-time-zone"),
        (poslog(transaction()), "?time_zone=Europe", {}, 422, "unknown-time-zone"),
        (poslog(transaction()), "?time_zone=../etc/passwd", {}, 422, "invalid-input"),
        (poslog(transaction()), "?zone=UTC", {}, 422, "invalid-input"),
        (poslog(transaction()), "", {"content_type": "application/json"}, 415, "http-415"),
        (poslog(transaction()), "", {"content_encoding": "gzip"}, 415, "http-415"),
        (poslog(transaction()), "", {"x_api_key": "tk_till_0"}, 401, "unauthenticated"),
        (b" " * 100_001, "", {}, 413, "body-too-large"),
    ],
)
async def test_what_is_wrong_with_the_request_is_a_problem_with_its_slug(
    client: AsyncClient, door: Door, body: bytes, query: str, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = await send(client, body, query, **headers)
    assert (answer.status_code, answer.json()["title"]) == (status, slug)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not door.publisher.published


async def test_without_the_scope_nothing_is_read(client: AsyncClient, keys: dict[str, str], intake: Intake) -> None:
    answer = await send(client, poslog(transaction()), x_api_key=keys["office"])
    assert (answer.status_code, answer.json()["title"]) == (403, "missing-scope")
    assert intake.taken_bytes == 0


@pytest.mark.parametrize("rates", [Rates(key_per_second=1, store_per_second=0, burst_seconds=2)])
async def test_a_key_over_its_rate_is_sent_away_with_all_it_brought(client: AsyncClient, door: Door) -> None:
    many = poslog(*[transaction(sequence=str(number)) for number in range(1, 6)])
    assert (await send(client, many)).status_code == 202
    answer = await send(client, poslog(BROKEN))
    assert (answer.status_code, answer.json()["title"]) == (429, "rate-limited")
    assert "retry-after" in answer.headers
    assert not door.quarantine.kept


@pytest.mark.parametrize("rates", [Rates(key_per_second=1, store_per_second=0, burst_seconds=2)])
@pytest.mark.parametrize("beside", [(), (transaction(sale("1.00"), sequence="9"),)])
async def test_what_is_broken_counts_like_what_is_not(client: AsyncClient, door: Door, beside: tuple[str, ...]) -> None:
    broken = [transaction(sale("1.005"), sequence=str(number)) for number in range(2, 6)]
    assert (await send(client, poslog(*broken, *beside))).status_code == 202
    again = await send(client, poslog(*broken, *beside))
    assert (again.status_code, again.json()["title"]) == (429, "rate-limited")
    assert {event.times for event in door.quarantine.kept.values()} == {1}
