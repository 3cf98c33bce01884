"""What `make bench-ingest` sends is what it says it sends."""

import json

from benchmarks.ingest import load, payload
from libs.common.clock import SystemClock
from libs.common.contracts import CONTRACTS
from libs.common.contracts.compiled import Spelling, compiled
from services.ingest.domain.admission import Accepted, Rules, admit
from tests.unit.ingest.examples import a_key


def test_every_event_of_every_request_is_valid_and_another_one() -> None:
    source = load.bodies(payload.events(payload.BATCH), load.unused_prefix())
    sent = [event for _ in range(3) for event in json.loads(next(source))]
    verdicts = [admit(json.dumps(event).encode(), a_key(), Rules(), SystemClock().now()) for event in sent]
    assert all(isinstance(verdict, Accepted) for verdict in verdicts)
    assert len({event["id"] for event in sent}) == 3 * payload.BATCH
    assert {len(event["data"]["lines"]) for event in sent} == {payload.LINES}


def test_the_event_that_is_measured_takes_the_compiled_way() -> None:
    decoder = compiled(CONTRACTS[payload.SALE], Spelling.PLAIN)
    assert decoder is not None
    decoder.decode(json.dumps(payload.event()["data"]).encode())


def test_karapace_gets_the_same_event() -> None:
    (record,) = json.loads(payload.records(1))["records"]
    assert record["value"]["data"] == payload.event()["data"]
