"""Inventory workers as processes that are killed and replaced while a chain is played."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from libs.laptop.child import free_port
from services.inventory.settings import Settings

ROOT = Path(__file__).parents[2]
SESSION_SECONDS = 2.0


@dataclass
class Crew:
    """Two workers; whoever is killed has a successor at once."""

    settings: Settings
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        with (self.folder / "workers.log").open("ab") as log:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "services.inventory", "worker"],
                    cwd=ROOT,
                    env={**os.environ, **self._environment()},  # noqa: TID251 - children inherit it
                    stdout=log,
                    stderr=log,
                )
            )

    async def reap(self, random: Random, kills: int, *, longest_seconds: float) -> None:
        """Kill one of them again and again."""
        while self.kills < kills:
            await asyncio.sleep(random.uniform(0.2, longest_seconds))  # noqa: TID251 - the schedule of faults
            victim = self.workers.pop(random.randrange(len(self.workers)))
            assert victim.poll() is None, "a worker ended that nobody killed"
            victim.kill()
            victim.wait()
            self.kills += 1
            self.start()

    def _environment(self) -> Mapping[str, str]:
        settings = self.settings
        return {
            "USUAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "USUAL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "USUAL_KAFKA_IDEMPOTENCE": str(settings.kafka_idempotence),
            "USUAL_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
            "USUAL_PARTITIONS_CAP": str(settings.partitions_cap),
            "USUAL_PLAY_MODE": "true",
            "USUAL_APPROVE_EVERYTHING": "true",
            "USUAL_HTTP_PORT": str(free_port()),
            "USUAL_ORDER_LINE_CENTS": str(settings.order_line_cents),
            "USUAL_TRANSFER_LINE_CENTS": str(settings.transfer_line_cents),
            "USUAL_TRANSFER_UNIT_CENTS": str(settings.transfer_unit_cents),
            "USUAL_TRANSFER_HOURS": str(settings.transfer_hours),
            "USUAL_HOLD_RATIO": str(settings.hold_ratio),
            "USUAL_LOST_RATIO": str(settings.lost_ratio),
            "USUAL_CLOSE_BATCH_ITEMS": "1",
            "USUAL_REVIEW_BATCH_ITEMS": "1",
        }


@contextlib.contextmanager
def a_crew(settings: Settings, folder: Path) -> Iterator[Crew]:
    """Two workers that run; none does afterwards."""
    crew = Crew(settings, folder)
    try:
        crew.start()
        crew.start()
        yield crew
    finally:
        for worker in crew.workers:
            worker.kill()
            worker.wait()
