"""Brakes beside the doors and in the worker: who knows them, who tells what went wrong, who pulls them by rule."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from libs.common.persistence.relay import RelayLoop
from services.offers.bootstrap.parts import Parts
from services.offers.domain.campaigns.brake_bounds import BrakeRules
from services.offers.handlers.brakes.pulling import measure_brakes
from services.offers.handlers.brakes.tripping import DoorTally, trip_brakes
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.store.brakes.pulled import PostgresBrakes
from services.offers.store.brakes.readings import PostgresReadings

_WATCH_SECONDS = 0.25
_TELL_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def brake_rules(own: Path | None) -> BrakeRules:
    """The bounds of a deployment, none without a file; raises InvalidInput for a file that is wrong."""
    if own is None:
        return BrakeRules()
    try:
        return BrakeRules.model_validate(yaml.safe_load(own.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InvalidInput(f"{own.name}: {error}", slug="invalid-brake-rules") from error


def brake_loops(parts: Parts, knowledge: Knowledge) -> Sequence[RelayLoop]:
    """Beside the doors: memory knows the brakes in force a quarter of a second after their commit, and answers are counted."""
    tally = DoorTally()

    async def watch() -> int:
        async with parts.transactions.begin() as tx:
            knowledge.brakes = await PostgresBrakes(tx).in_force()
        return 0

    async def tell() -> int:
        async with parts.transactions.begin() as tx:
            await tally.tell(PostgresReadings(tx), parts.metrics)
        return 0

    loops = [RelayLoop(watch, name="brakes", backoff=parts.backoff, idle_seconds=_WATCH_SECONDS)]
    if not parts.settings.play_mode:
        loops.append(RelayLoop(tell, name="door-readings", backoff=parts.backoff, idle_seconds=_TELL_SECONDS))
    return loops


def brake_round(parts: Parts) -> Callable[[], Awaitable[int]]:
    """In the worker: pulls what is over its bounds, and measures. A play passes a day in seconds, so its rates say nothing."""
    rules = brake_rules(parts.settings.brake_rules_file)

    async def trip() -> int:
        async with parts.transactions.begin() as tx:
            brakes = PostgresBrakes(tx)
            if not parts.settings.play_mode:
                pulled = await trip_brakes(PostgresReadings(tx), brakes, rules, parts.metrics, parts.clock.now())
                for each in pulled:
                    _log.error("a brake was pulled by rule", brake_id=each.brake.brake_id, reason=each.brake.reason)
            await measure_brakes(brakes, parts.metrics)
        return 0

    return trip
