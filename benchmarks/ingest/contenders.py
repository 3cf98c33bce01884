"""Who takes part: how each is started, what it is sent, and where its events must turn up."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.ingest import payload
from benchmarks.ingest.load import Request
from libs.laptop.child import free_port

POS = "ingest.pos.v1"
PEERS = "bench.peers"


@dataclass(frozen=True, slots=True)
class Karapace:
    """Where the Karapace REST proxy is."""

    python: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One server and one sort of request; several may share a server by its `server` name."""

    name: str
    server: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    request: Request
    topic: str | None
    """Where what it acknowledged must be, None for those without a broker."""


DOOR, DOOR_ALONE, DOOR_BATCH = "the door", "the door, no broker", "the door, batches of 50"
DOOR_CHECKS = "the door, decode and validate"
DEFAULT, DEFAULT_ALONE = "FastAPI default -> aiokafka", "FastAPI default, no broker"
KARAPACE, KARAPACE_BATCH = "Karapace, 1 record", "Karapace, 50 records"


def contenders(
    environment: Mapping[str, str], bootstrap: str, key: str, karapace: Karapace | None
) -> Sequence[Contender]:
    """All that can take part. `environment` is what the door reads; `key` lets its callers in."""
    own = {"content-type": "application/cloudevents+json", "x-api-key": key}
    plain = {"content-type": "application/json"}
    door = _contender(DOOR, [sys.executable, "-m", "services.ingest", "api"], environment, "/v1/events", own, topic=POS)
    batch = replace(
        door,
        name=DOOR_BATCH,
        request=replace(
            door.request,
            headers={**own, "content-type": "application/cloudevents-batch+json"},
            body=payload.events(payload.BATCH),
            events=payload.BATCH,
        ),
    )
    kafka = ["--bootstrap", bootstrap, "--topic", PEERS]
    found = [
        door,
        _contender(DEFAULT, _peer("fastapi-to-kafka", *kafka), {}, "/events", plain, topic=PEERS),
        _contender(DOOR_ALONE, _peer("door-alone"), environment, "/v1/events", own),
        _contender(DOOR_CHECKS, _peer("door-checks"), environment, "/v1/events", own),
        _contender(DEFAULT_ALONE, _peer("fastapi-alone"), {}, "/events", plain),
        batch,
    ]
    return [*found, *(_karapace(karapace, bootstrap) if karapace else ())]


def _peer(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.ingest.peers", name, *arguments]


def _contender(
    name: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    path: str,
    headers: Mapping[str, str],
    *,
    topic: str | None = None,
) -> Contender:
    port = free_port()
    request = Request(url=f"http://127.0.0.1:{port}{path}", headers=headers, body=payload.events(1))
    told = {**environment, "USUAL_HTTP_PORT": str(port)} if environment else {}
    arguments = [] if argv[2] == "services.ingest" else ["--port", str(port)]
    return Contender(name=name, server=name, argv=[*argv, *arguments], environment=told, request=request, topic=topic)


def _karapace(karapace: Karapace, bootstrap: str) -> Sequence[Contender]:
    port = free_port()
    environment = {
        "PYTHONPATH": str(Path(karapace.source)),
        "KARAPACE_BOOTSTRAP_URI": bootstrap,
        "KARAPACE_HOST": "127.0.0.1",
        "KARAPACE_PORT": str(port),
        "KARAPACE_KARAPACE_REST": "true",
        "KARAPACE_LOG_LEVEL": "ERROR",
        "KARAPACE_REGISTRY_HOST": "127.0.0.1",
        "KARAPACE_REGISTRY_PORT": str(free_port()),
        "KARAPACE_PRODUCER_LINGER_MS": "0",
        "KARAPACE_PRODUCER_ACKS": "1",
    }
    request = Request(
        url=f"http://127.0.0.1:{port}/topics/{PEERS}",
        headers={"content-type": "application/vnd.kafka.json.v2+json"},
        body=payload.records(1),
    )
    one = Contender(
        name=KARAPACE,
        server=KARAPACE,
        argv=[karapace.python, "-m", "karapace.kafka_rest_apis"],
        environment=environment,
        request=request,
        topic=PEERS,
    )
    many = replace(request, body=payload.records(payload.BATCH), events=payload.BATCH)
    return [one, replace(one, name=KARAPACE_BATCH, request=many)]
