"""The whole system on this machine: started in order, watched, stopped; used by `usual up`, the demo and the tests."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from libs.laptop.apache_kafka import ApacheKafka
from libs.laptop.child import Child, ChildFailed, free_port, spawn
from libs.laptop.children import Children, answers
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.launch import DEMO_CAMPAIGNS, PROCESSES, Keys, Service, Surroundings
from libs.laptop.state_folder import Part, Run, StateFolder, this_process

ERP = "erp"
_READY_SECONDS = 60.0
_MIGRATE_SECONDS = 60.0


class System:
    """PostgreSQL, broker, topics, migrations, services and, in play mode, the simulated ERP.

    The caller holds the state folder's lock. `tell` hears what is being done, for a person who waits.
    """

    def __init__(
        self,
        state: StateFolder,
        *,
        broker: str = "embedded",
        play: bool = False,
        campaigns: Path | None = None,
        services: Iterable[Service] = PROCESSES,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.state = state
        self.postgres = EmbeddedPostgres(state.postgres)
        self.broker: EmbeddedBroker | ApacheKafka = (
            ApacheKafka(state.broker) if broker == "kafka" else EmbeddedBroker(state.broker)
        )
        self.keys = Keys(state.path)
        self.children = Children(state.logs)
        self._play = play
        self._campaigns = campaigns or (DEMO_CAMPAIGNS if play else None)
        self._services = tuple(services)
        self._ports: dict[str, int] = {}
        self._tell = tell

    async def start(self) -> Run:
        """Start all and return what runs, each process answering `/readyz`. Whatever fails stops all and is raised.

        Raises ChildFailed with the log's last lines.
        """
        try:
            await self._start_all()
        except BaseException:
            await self.stop()
            raise
        return self.record()

    async def _start_all(self) -> None:
        self._tell("PostgreSQL and broker")
        self.keys.make()
        await _together(self.postgres.start(), self.broker.start())
        self._tell("topics and tables")
        services = dict.fromkeys(process.service for process in self._services)
        await _together(*map(self._migrate, services))
        self._tell("services")
        for process in self._services:
            self._port(process.name)
        await _together(*map(self.start_service, self._services), *([self.start_erp()] if self._play else []))

    async def _migrate(self, service: str) -> None:
        migrate = Service(service, "migrate")
        environment = self._surroundings.environment(self.postgres.url(service), 0)
        child = spawn(migrate.name, migrate.argv, log=self.state.logs / f"{migrate.name}.log", env=environment)
        try:
            ended = await child.wait_end(within_seconds=_MIGRATE_SECONDS)
        finally:
            await child.kill()
        if not ended or child.process.returncode != 0:
            raise child.failed("could not bring its tables up to date")

    async def start_service(self, process: Service) -> None:
        """Start one process, or start it again after it has ended, on the port that it had; raises ChildFailed."""
        ready = answers(f"http://127.0.0.1:{self._port(process.name)}/readyz")
        environment = self.environment_of(process)
        await self.children.start(
            process.name, process.argv, env=environment, ready=ready, ready_within_seconds=_READY_SECONDS
        )

    def environment_of(self, process: Service) -> dict[str, str]:
        """What one process is told; the servers must have started."""
        return self._surroundings.environment(self.postgres.url(process.service), self._port(process.name))

    async def start_erp(self) -> None:
        """Start the simulated ERP, or start it again; raises ChildFailed."""
        port = self._port(ERP)
        self.state.write_run(self.record())
        argv = [sys.executable, "-m", "libs.laptop.erp", "--state", str(self.state.path), "--port", str(port)]
        await self.children.start(ERP, argv, ready=answers(f"http://127.0.0.1:{port}/readyz"))

    async def kill(self, name: str) -> None:
        """Kill one process at once, as a power cut would."""
        await self.children[name].kill()

    async def failed(self) -> ChildFailed:
        """Wait until a process ends that should not have, and return what is known of it."""
        return await self.children.crashed()

    async def stop(self) -> None:
        """Stop everything: services first, so that each can save and leave, then broker and PostgreSQL."""
        await asyncio.gather(*(child.stop(grace_seconds=15.0) for child in self.children.running))
        await asyncio.gather(self.broker.stop(), self.postgres.stop())

    @property
    def _surroundings(self) -> Surroundings:
        return Surroundings(
            bootstrap=self.broker.bootstrap,
            idempotence=self.broker.idempotence,
            keys=self.keys,
            play=self._play,
            campaigns=self._campaigns,
            doors=self._doors(),
        )

    def record(self) -> Run:
        """What runs now, and where it is found."""
        addresses = self._doors()
        addresses |= {"broker": self.broker.bootstrap, "postgres": f"127.0.0.1:{self.postgres.port}"}
        servers = [Part.of(self.postgres.child, self.postgres.port), *map(Part.of, self._broker_children())]
        services = [Part.of(child, self._ports.get(child.name)) for child in self.children.running]
        return Run(this_process(), (*servers, *services), addresses)

    def _doors(self) -> dict[str, str]:
        """The address of each service's door, once its port was chosen."""
        doors = {process.service: process.name for process in self._services if process.role == "api"}
        return {
            service: f"http://127.0.0.1:{self._ports[name]}" for service, name in doors.items() if name in self._ports
        }

    def _port(self, name: str) -> int:
        """The port of a process: chosen once, and no other process's."""
        while name not in self._ports:
            found = free_port()
            if found not in self._ports.values():
                self._ports[name] = found
        return self._ports[name]

    def _broker_children(self) -> list[Child]:
        if isinstance(self.broker, EmbeddedBroker):
            return [self.broker.child]
        return [self.broker.child()]


async def _together(*steps: Coroutine[Any, Any, object]) -> None:
    """Run all at the same time; the first failure ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
