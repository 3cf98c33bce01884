"""A whole play of a slice against a running system: send, come to rest, verify, sum up; for `usual play` and the demo."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from libs.common.errors import InvalidInput
from libs.common.streaming import BrokerUnavailable, StreamSettings
from libs.laptop.child import ChildFailed
from libs.laptop.digest import digests
from libs.laptop.doors import Doors, Tally
from libs.laptop.drain import Observer
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.histogram import buckets, quantile
from libs.laptop.journal import ERP_JOURNAL, PLAY_JOURNAL, Answered, Entry, Journal, Sent, read, size_of
from libs.laptop.launch import Keys
from libs.laptop.ledger import Ledger, expect
from libs.laptop.pace import ErpDoor, Lockstep, Near
from libs.laptop.play import Play, Printed
from libs.laptop.shoppers import Shoppers
from libs.laptop.slices import DEFAULT_CURRENCY, Choice, Slice
from libs.laptop.state_folder import Run, StateFolder
from libs.laptop.supervise import SUPERVISOR_LOG
from libs.laptop.system import ERP
from libs.laptop.verify import InThisLog, Verdict, verify

FRESHNESS = "offers_profile_freshness_seconds"
_REST_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRequest:
    """What to play and how."""

    dataset: str
    choice: Choice
    currency: str = DEFAULT_CURRENCY
    seed: int = 1
    lockstep: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """All that a play has shown."""

    tally: Tally
    erp_events: tuple[int, int]
    """Events that the ERP sent meanwhile, and how many of them were accepted."""
    verdict: Verdict
    commands: Mapping[str, int]
    acknowledged: int
    open_commands: int
    freshness_ms: Mapping[str, float | None]
    printed: Sequence[Printed]
    seconds: float
    baskets: int
    stores: int
    customers: int
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def events_sent(self) -> int:
        """Events that the tills, the stage and the ERP sent."""
        return self.tally.events_sent + self.erp_events[0]

    @property
    def events_accepted(self) -> int:
        """Those that the front door acknowledged."""
        return self.tally.events_accepted + self.erp_events[1]


class RunningSystem:
    """A running system as the play sees it."""

    def __init__(self, state: StateFolder) -> None:
        run = state.read_run()
        if run is None:
            raise InvalidInput(f"nothing runs in {state.path}; start it with: usual up --play")
        if not any(part.name == ERP for part in run.parts):
            raise InvalidInput("what runs takes the real time for its clock; start it with: usual up --play")
        self.state = state
        self.run: Run = run
        self.ports = {part.name: part.port for part in run.parts if part.port is not None}
        self.settings = self.stream_settings(run)
        self.journals = (state.path / PLAY_JOURNAL, state.path / ERP_JOURNAL)

    def observer(self) -> Observer:
        """Somebody who looks into databases and logs."""
        return Observer(self.database_url(self.state, self.run), self.settings)

    @staticmethod
    def stream_settings(run: Run) -> StreamSettings:
        """How to reach the broker of a run."""
        return StreamSettings(bootstrap=run.addresses["broker"], client_id="play", idempotence=False)

    @staticmethod
    def database_url(state: StateFolder, run: Run) -> str:
        """The superuser's address of the database of a run."""
        return EmbeddedPostgres(state.postgres, port=int(run.addresses["postgres"].rpartition(":")[2])).url()

    async def freshness(self) -> Mapping[float, float]:
        """The offers worker's histogram of freshness, cumulative counts by bound in seconds."""
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
            page = await client.get(f"http://127.0.0.1:{self.ports['offers-worker']}/metrics")
        return buckets(page.text, FRESHNESS)

    def ledgers(self, starts: Sequence[int]) -> tuple[Ledger, InThisLog]:
        """What the journals say in all, and what of it the present log must hold: what was written after `starts`."""
        known_as = Keys(self.state.path).pseudonyms(play=True).key_of
        whole = expect(_entries(self.journals, [0] * len(starts), [None] * len(starts)), known_as)
        earlier = expect(_entries(self.journals, [0] * len(starts), starts), known_as)
        recent = expect(_entries(self.journals, starts, [None] * len(starts)), known_as)
        return whole, InThisLog.of(whole, earlier, recent)


async def play_slice(state: StateFolder, request: PlayRequest, console: Console) -> Outcome:
    """Play, wait until everything has come to rest, and verify.

    Raises InvalidInput when no system runs or the data set is none, ChildFailed when the system ends meanwhile,
    DoorClosed, NotDrained.
    """
    try:
        return await _play_slice(state, request, console)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, BrokerUnavailable, httpx.TransportError, OSError) as error:
        if state.read_run() is not None:
            raise
        raise ChildFailed("the system", "ended meanwhile", state.logs / SUPERVISOR_LOG) from error


async def _play_slice(state: StateFolder, request: PlayRequest, console: Console) -> Outcome:
    system = RunningSystem(state)
    part = Slice.read(request.dataset, request.choice, request.currency)
    starts = [size_of(path) for path in system.journals]
    async with _standing_by(system, request, part, console) as (play, observer, erp):
        started = time.monotonic()
        await play.set_the_stage()
        before = await system.freshness()
        await play.serve_all()
        await observer.until_at_rest(within_seconds=_REST_SECONDS, erp_idle=erp.idle)
        seconds = time.monotonic() - started
        after = await system.freshness()
        whole, recent = system.ledgers(starts)
        verdict = await verify(whole, observer, system.settings, recent)
        commands = await _commands(observer)
        return Outcome(
            tally=play.doors.tally,
            erp_events=_sent_and_accepted(list(read(system.journals[1], starts[1]))),
            verdict=verdict,
            commands=commands["kinds"],
            acknowledged=commands["acknowledged"],
            open_commands=commands["open"],
            freshness_ms=_freshness_ms(before, after),
            printed=play.printed,
            seconds=seconds,
            baskets=len(part.baskets),
            stores=len(part.store_ids),
            customers=len(part.customer_ids),
            digests=await digests(observer.connection) if request.lockstep else {},
        )


@asynccontextmanager
async def _standing_by(
    system: RunningSystem, request: PlayRequest, part: Slice, console: Console
) -> AsyncIterator[tuple[Play, Observer, ErpDoor]]:
    categories = {product.product_id: product.category for product in part.products.values()}
    shoppers = Shoppers(request.seed, categories, part.favourites)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Journal(system.journals[0]) as journal, Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=None)
        doors = Doors(system.run.addresses, Keys(system.state.path).key("till"), journal)
        async with system.observer() as observer, ErpDoor(system.ports[ERP]) as erp:
            rhythm = Lockstep(observer, erp) if request.lockstep else Near(observer, erp)

            def heard(title: str, done: int, total: int) -> None:
                progress.update(bar, description=title, completed=done, total=total)

            yield Play(doors, part, shoppers, journal, rhythm, request.seed, heard), observer, erp
        await doors.close()


def _entries(paths: Sequence[Path], starts: Sequence[int], ends: Sequence[int | None]) -> list[Entry]:
    return [entry for path, start, end in zip(paths, starts, ends, strict=True) for entry in read(path, start, end)]


def _sent_and_accepted(entries: Sequence[Entry]) -> tuple[int, int]:
    accepted = [entry for entry in entries if isinstance(entry, Answered) and entry.status == "ok"]
    return sum(isinstance(entry, Sent) for entry in entries), len(accepted)


def _freshness_ms(before: Mapping[float, float], after: Mapping[float, float]) -> Mapping[str, float | None]:
    seen = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    found = {"p50": quantile(seen, 0.5), "p99": quantile(seen, 0.99)}
    return {name: None if seconds is None else round(seconds * 1000, 1) for name, seconds in found.items()}


async def _commands(observer: Observer) -> dict[str, Any]:
    """How many commands there are by kind, how many were answered, and how many are still under way."""
    rows = await observer.connection.fetch(
        "SELECT kind, status, count(*) AS count FROM inventory.commands GROUP BY 1, 2"
    )
    kinds: dict[str, int] = {"reorder": 0, "reroute": 0}
    for row in rows:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + row["count"]
    unanswered, done = {"sent"}, {"rejected", "received", "closed", "expired"}
    return {
        "kinds": kinds,
        "acknowledged": sum(row["count"] for row in rows if row["status"] not in unanswered),
        "open": sum(row["count"] for row in rows if row["status"] not in done),
    }
