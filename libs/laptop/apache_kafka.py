"""Real Apache Kafka without Docker: KRaft brokers as JVM processes, their jars brought by Maven (deploy/kafka)."""

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from libs.laptop.broker_probe import ask
from libs.laptop.child import Child, free_port, run_to_end, spawn

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
CACHE = Path.home() / ".cache" / "the-usual"
OLDEST_JAVA = 17
_JVM = ("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_START_SECONDS = 60.0


def missing() -> str | None:
    """What this machine lacks for a real Kafka, e.g. "no java"; None when it lacks nothing."""
    java = shutil.which("java")
    if java is None:
        return "no java"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < OLDEST_JAVA:
        return f"java {version[1] if version else 'of an unknown version'} is older than {OLDEST_JAVA}"
    if shutil.which("mvn") is None:
        return "no mvn (Maven)"
    return None if POM.exists() else f"no {POM.name} of deploy/kafka: this is not a checkout"


async def install(cache: Path = CACHE) -> Path:
    """Bring the jars into a folder of `cache` named by the pom's hash, once; returns the folder.

    Several processes may call it at the same time. Raises ChildFailed when Maven fails.
    """
    jars = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not jars.exists():
        async with _alone(jars.with_suffix(".lock")):
            if not jars.exists():
                (await _bring(jars.parent)).rename(jars)
    return jars


@contextlib.asynccontextmanager
async def _alone(lock: Path) -> AsyncIterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield


async def _bring(cache: Path) -> Path:
    fresh = Path(tempfile.mkdtemp(prefix="kafka-new-", dir=cache))
    argv: list[str | Path] = ["mvn", "--batch-mode", "--quiet", "-f", POM, "prepare-package", f"-Djars.folder={fresh}"]
    try:
        await run_to_end("mvn", argv, log=cache / "mvn.log", within_seconds=600.0)
    except BaseException:
        shutil.rmtree(fresh)
        raise
    return fresh


class ApacheKafka:
    """`brokers` combined KRaft nodes (1 or 3) on loopback, their logs kept in `folder` over restarts.

    `settings` adds to or replaces broker settings, e.g. {"log.segment.bytes": "1048576"}. Brokers are counted from 1;
    ports are chosen once and kept while the object lives. With three, topics should have replication factor 3.
    """

    name = "kafka"
    idempotence = True

    def __init__(
        self, folder: Path, *, brokers: int = 1, settings: Mapping[str, str] | None = None, cache: Path = CACHE
    ) -> None:
        self.folder = folder.absolute()
        self._cache = cache
        self._settings = dict(settings or {})
        self._ports = {node: free_port() for node in range(1, brokers + 1)}
        self._controllers = {node: free_port() for node in range(1, brokers + 1)}
        self._children: dict[int, Child] = {}

    @property
    def bootstrap(self) -> str:
        """What a client connects to: all brokers."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports.values())

    def child(self, broker: int = 1) -> Child:
        """The process of a broker; raises KeyError if it was never started."""
        return self._children[broker]

    async def start(self) -> str:
        """Bring the jars if need be, start all brokers, and return their address once each sees all others.

        Raises ChildFailed with the log's last lines.
        """
        jars = await install(self._cache)
        try:
            for node in self._ports:
                await self._format(jars, node)
            for node in self._ports:
                self._spawn(jars, node)
            for node in self._ports:
                await self._wait(node)
        except BaseException:
            for child in self._children.values():
                await child.kill()
            raise
        return self.bootstrap

    async def kill(self, broker: int = 1) -> None:
        """Kill one broker at once; its log stays."""
        await self._children[broker].kill()

    async def restart(self, broker: int = 1) -> None:
        """Start one broker again that has ended, on its old log and port; returns when the cluster has it again."""
        if self._children[broker].running:
            raise ValueError(f"broker {broker} runs")
        self._spawn(await install(self._cache), broker)
        await self._wait(broker)

    async def stop(self) -> None:
        """Stop all brokers; their logs stay."""
        # A KRaft node that loses its quorum can't leave in order and would wait out its grace time alone.
        await asyncio.gather(*(child.stop(grace_seconds=15.0) for child in self._children.values()))

    def _log(self, node: int) -> Path:
        return self.folder / f"kafka-{node}.log"

    def _spawn(self, jars: Path, node: int) -> None:
        # The broker's own messages go to standard error through slf4j-simple.
        argv = ["java", *_JVM, "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", f"{jars}/*", "kafka.Kafka"]
        self._children[node] = spawn(f"kafka-{node}", [*argv, self._config(node)], log=self._log(node))

    async def _wait(self, node: int) -> None:
        wanted = {other for other, child in self._children.items() if child.running}

        async def ready() -> bool:
            cluster = await ask(self._ports[node])
            return cluster is not None and cluster.brokers >= wanted

        await self._children[node].wait_ready(ready, within_seconds=_START_SECONDS)

    async def _format(self, jars: Path, node: int) -> None:
        self._config(node).parent.mkdir(parents=True, exist_ok=True)
        self._config(node).write_text("".join(f"{name}={value}\n" for name, value in self._properties(node).items()))
        argv = ["java", *_JVM, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        argv += [f"--cluster-id={self._cluster_id()}", "-c", str(self._config(node))]
        await run_to_end(f"kafka-{node}", argv, log=self._log(node), within_seconds=_START_SECONDS)

    def _config(self, node: int) -> Path:
        return self.folder / f"kafka-{node}.properties"

    def _cluster_id(self) -> str:
        kept = self.folder / "cluster-id"
        if not kept.exists():
            kept.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        return kept.read_text()

    def _properties(self, node: int) -> dict[str, str]:
        replicas = str(len(self._ports))
        in_sync = str(len(self._ports) // 2 + 1)
        listener = f"PLAINTEXT://127.0.0.1:{self._ports[node]}"
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "listeners": f"{listener},CONTROLLER://127.0.0.1:{self._controllers[node]}",
            "advertised.listeners": listener,
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{id_}@127.0.0.1:{port}" for id_, port in self._controllers.items()),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / f"kafka-{node}"),
            "auto.create.topics.enable": "false",
            "unclean.leader.election.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "5",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": "0",
            # A killed broker's successor is let in when the old session is over.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self._settings,
        }
