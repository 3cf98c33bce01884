"""Fixtures of all tests: one PostgreSQL and one broker of each kind per session, and a guard around unit tests."""

import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from libs.laptop import apache_kafka
from libs.laptop.embedded_postgres import EmbeddedPostgres
from tests.support import browser
from tests.support.brokers import EMBEDDED, KAFKA, Broker, running_broker
from tests.support.postgres import Database, fresh_database, running_postgres

LEFT_OUT = pytest.StashKey[list[str]]()

# The same examples in every run, and no time limit on one: machines are shared and noisy.
settings.register_profile("usual", derandomize=True, deadline=None)
settings.load_profile("usual")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's PostgreSQL server."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A fresh database for one test."""
    with fresh_database(postgres) as fresh:
        yield fresh


@pytest.fixture(scope="session", params=[EMBEDDED, pytest.param(KAFKA, marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's broker; a test that asks for it runs once on each kind."""
    with running_broker(request.param, tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture(params=[EMBEDDED, pytest.param(KAFKA, marks=pytest.mark.kafka)])
def private_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test alone: for what uses the declared topics, or stops its broker."""
    with running_broker(request.param, tmp_path / "broker") as started:
        yield started


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a program that the machine does not have; in CI let it fail instead."""
    if os.environ.get("CI") == "true":  # noqa: TID251 - the test run's own environment, not a service's
        return
    left_out = config.stash.setdefault(LEFT_OUT, [])
    for mark, what, lacks in (
        ("kafka", "real Apache Kafka", apache_kafka.missing),
        ("browser", "a real Chromium", browser.missing),
    ):
        marked = [item for item in items if item.get_closest_marker(mark)]
        reason = lacks() if marked else None
        if reason is not None:
            left_out.append(f"left out: {what} ({len(marked)} tests): {reason}")
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if item not in set(marked)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process beside others tells the one that started it what it left out."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All processes collect the same tests, so they leave out the same ones."""
    told = getattr(node, "workeroutput", {})  # a process that died says nothing
    node.config.stash[LEFT_OUT] = told.get("left_out") or node.config.stash.get(LEFT_OUT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say plainly what was left out."""
    for line in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A unit test that opens a connection fails: what it needs is a fake."""
    if not item.path.is_relative_to(item.config.rootpath / "tests" / "unit"):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _refuse)
        patch.setattr(socket.socket, "connect_ex", _refuse)
        return (yield)


def _refuse(self: socket.socket, address: object) -> None:
    raise AssertionError(f"a unit test must not connect to {address}")
