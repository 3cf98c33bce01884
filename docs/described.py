"""The services assembled only to be described: nothing connects, no environment is read. Used by generate.py."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Metric

import services.ingest.app
import services.ingest.bootstrap
import services.ingest.settings
import services.ingest.worker
import services.inventory.app
import services.inventory.bootstrap
import services.inventory.settings
import services.offers.app
import services.offers.bootstrap
import services.offers.settings
import services.profile.app
import services.profile.bootstrap
import services.profile.settings
from libs.common.http.connection_guard import ConnectionMetrics
from libs.common.http.request_metrics import RequestMetrics
from libs.common.persistence import RelayMetrics
from libs.common.streaming import Consumer, StreamMetrics, Subscription, Worker
from services.offers.domain.codes.code import CodeKey

SETTINGS: Mapping[str, object] = {
    "database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/usual",
    "kafka_bootstrap": "127.0.0.1:1",
    "credentials_file": Path("credentials.json"),
    "pseudonym_key_file": Path(__file__),  # any file will do: nobody is asked for
    "key_encryption_key_file": Path(__file__),
}


def _ingest() -> tuple[FastAPI, CollectorRegistry]:
    ingest = services.ingest.bootstrap.assemble(services.ingest.settings.Settings.model_validate(SETTINGS))
    return services.ingest.app.create_app(ingest), ingest.registry


def _profile() -> tuple[FastAPI, CollectorRegistry]:
    parts = services.profile.bootstrap.assemble(services.profile.settings.Settings.model_validate(SETTINGS), "api")
    return services.profile.app.create_app(parts), parts.registry


def _offers() -> tuple[FastAPI, CollectorRegistry]:
    parts = services.offers.bootstrap.assemble(services.offers.settings.Settings.model_validate(SETTINGS), "api")
    door = services.offers.bootstrap.door_of(parts, CodeKey(bytes(32)))
    return services.offers.app.create_app(door), parts.registry


def _inventory() -> tuple[FastAPI, CollectorRegistry]:
    parts = services.inventory.bootstrap.assemble(services.inventory.settings.Settings.model_validate(SETTINGS), "api")
    return services.inventory.app.create_app(parts), parts.registry


SERVICES: Mapping[str, Callable[[], tuple[FastAPI, CollectorRegistry]]] = {
    "ingest": _ingest,
    "profile": _profile,
    "offers": _offers,
    "inventory": _inventory,
}


async def _assembled() -> Mapping[str, tuple[FastAPI, CollectorRegistry]]:
    return {service: assemble() for service, assemble in SERVICES.items()}


def _workers() -> Mapping[str, Sequence[Worker]]:
    played = {**SETTINGS, "play_mode": True}
    profile = services.profile.settings.Settings.model_validate(played)
    offers = services.offers.settings.Settings.model_validate(played)
    inventory = services.inventory.settings.Settings.model_validate(played)
    ingest = services.ingest.settings.Settings.model_validate(played)
    return {
        "ingest": (services.ingest.worker.worker_of(services.ingest.worker.assemble_worker(ingest)),),
        "profile": (
            services.profile.bootstrap.worker_of(services.profile.bootstrap.assemble(profile, "worker")),
            services.profile.bootstrap.learner_of(services.profile.bootstrap.assemble(profile, "learner")),
        ),
        "offers": (services.offers.bootstrap.worker_of(services.offers.bootstrap.assemble(offers, "worker")),),
        "inventory": (
            services.inventory.bootstrap.worker_of(services.inventory.bootstrap.assemble(inventory, "worker")),
        ),
    }


async def _subscriptions() -> Mapping[str, Sequence[Subscription]]:
    return {
        service: [
            consumer.subscription
            for worker in workers
            for part in worker.first
            if isinstance(consumer := getattr(part, "consumer", part), Consumer)
        ]
        for service, workers in _workers().items()
    }


def subscriptions() -> Mapping[str, Sequence[Subscription]]:
    """What each service's consumers read, taken from the consumers themselves; with those that only a play has."""
    return asyncio.run(_subscriptions())


def openapi_pages() -> Mapping[str, str]:
    """The OpenAPI document of each service."""
    return {
        f"openapi/{service}.json": json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"
        for service, (app, _) in asyncio.run(_assembled()).items()
    }


def metrics_page() -> Mapping[str, str]:
    """Every metric: what all processes have, what consumers and relays have, what each service adds."""
    requests, streams = CollectorRegistry(), CollectorRegistry()
    RequestMetrics(FastAPI(), requests)
    ConnectionMetrics(requests)
    StreamMetrics(streams)
    RelayMetrics(streams)
    lines = [
        "# Metrics",
        "",
        "Generated from the code by `make docs`; do not edit. Every process serves them on `/metrics`.",
    ]
    lines += _section("Every process", requests.collect())
    lines += _section("Consumers and relays", streams.collect())
    common = {family.name for family in requests.collect()}
    for service, (_, registry) in asyncio.run(_assembled()).items():
        lines += _section(service, [family for family in registry.collect() if family.name not in common])
    return {"metrics.md": "\n".join(lines) + "\n"}


def _section(title: str, families: Iterable[Metric]) -> list[str]:
    rows = sorted(families, key=lambda family: family.name)
    return ["", f"## {title}", "", "| Metric | Kind | What it says |", "| --- | --- | --- |"] + [
        f"| `{row.name}{'_total' if row.type == 'counter' else ''}` | {row.type} | {row.documentation} |"
        for row in rows
    ]
