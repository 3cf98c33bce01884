"""Rebuilds the profile in a schema of its own, from a checkpoint and the topics since, and compares it with the live one."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import ProgrammingError

from libs.common.errors import Conflict, InvalidInput
from libs.common.persistence import Timeouts, make_engine, run_migrations, stored_offsets
from libs.common.streaming import Cluster, TopicPartition
from services.profile.bootstrap.checkpointing import tell_rows
from services.profile.bootstrap.forewarned import forewarn
from services.profile.bootstrap.parts import SERVICE, assemble_job
from services.profile.bootstrap.playing import Ends, Player
from services.profile.bootstrap.roles import WORKER_GROUP, WORKER_TOPICS
from services.profile.domain.digest import StateDigest
from services.profile.handlers.erasing import erase_unknown, sweep
from services.profile.ports.privacy import Erasure, Person
from services.profile.settings import Settings
from services.profile.store import PostgresProfileStore
from services.profile.store.checkpoint_file import CheckpointReader
from services.profile.store.checkpoints import restore_checkpoint
from services.profile.store.namespaces import (
    Difference,
    Oldest,
    at_rest,
    begin,
    begun_from,
    differences,
    erasure_ids,
    erasures_of,
    is_swept,
    keep_fingerprints,
    oldest_of,
)

FIRST_DIFFERENCES = 10
_ROUNDS = 5
_PRUNED_TOGETHER = 200_000
_SWEEP_LOOKS, _SWEEP_LOOK_SECONDS = 30, 0.5
_FROM_THE_BEGINNING = ""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The live schema as of one moment: how far it had read, what it was, who was forgotten."""

    ends: Ends
    digest: StateDigest
    erased: Sequence[tuple[Person, Erasure]]
    erasure_ids: frozenset[str]
    oldest: Oldest
    with_views: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both digests, how many pieces differ by part, and the first of them."""

    live: StateDigest
    rebuilt: StateDigest
    counts: Mapping[str, int]
    first: Sequence[Difference]
    not_compared: frozenset[str]

    @property
    def equal(self) -> bool:
        """Whether all that was compared is the same."""
        return not self.counts


def namespace_of(settings: Settings) -> str:
    """The schema of a rebuild: never the live one."""
    return f"{SERVICE}_rebuild_{settings.rebuild_name}"


class Rebuild:
    """One rebuild. Killed at any moment and started again it goes on where its schema stands."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._schema = namespace_of(settings)
        self._live = assemble_job(settings, "rebuild")
        self._rebuilt = assemble_job(settings, "rebuild", schema=self._schema)
        self._stream = settings.stream(f"{SERVICE}-rebuild")
        self._player = Player(self._rebuilt)
        self._never = asyncio.Event()

    async def close(self) -> None:
        """Close both pools."""
        await self._live.engine.dispose()
        await self._rebuilt.engine.dispose()

    async def run(self) -> Comparison:
        """Begin or go on, play, compare. Whoever is forgotten meanwhile is forgotten here, and both are looked at again.

        Raises InvalidInput (checkpoint), Conflict (another rebuild's schema), LogRangeMissing, RetryableError.
        """
        await self._begin()
        for _ in range(_ROUNDS):
            frozen = await self._freeze()
            await self._forget(frozen.erased)
            await self._player.play(frozen.ends)
            await self._prune(frozen.oldest)
            if await self._forget(await self._erased_now()) <= frozen.erasure_ids:
                break
            _log.info("somebody was forgotten meanwhile: looking again")
        return await self._compare(frozen)

    async def _begin(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            path = self._settings.rebuild_from
            reader = None if path is None else stack.enter_context(CheckpointReader(path))
            header = None if reader is None else reader.header()
            checkpoint_id = _FROM_THE_BEGINNING if header is None else header.checkpoint_id
            begun = await self._begun()
            if begun is not None and begun != checkpoint_id:
                raise Conflict(
                    f"{self._schema} was begun from {begun or 'the beginning'}: drop it or take another name",
                    slug="another-rebuild",
                )
            if begun is None:
                await self._migrate(None if header is None else set(header.migrations))
                async with self._rebuilt.transactions.begin() as tx:
                    if reader is not None and header is not None:
                        await restore_checkpoint(tx, reader, header, tell_rows)
                    await begin(tx, checkpoint_id)
            await self._migrate(None)
        _log.info("rebuilding", schema=self._schema, checkpoint_id=checkpoint_id, goes_on=begun is not None)

    async def _begun(self) -> str | None:
        async with self._rebuilt.transactions.begin() as tx:
            return await begun_from(tx)

    async def _migrate(self, only: set[str] | None) -> None:
        engine = make_engine(
            self._settings.database_url.get_secret_value(),
            schema=self._schema,
            application_name=f"{SERVICE}-rebuild",
            timeouts=Timeouts.migrate(),
        )
        try:
            await run_migrations(engine, f"services.{SERVICE}.migrations", self._schema, only=only)
        except ProgrammingError as error:
            if "permission denied for database" not in str(error.orig):
                raise
            owner = engine.url.username
            raise InvalidInput(
                f"there is no schema yet and {owner} may not make one: CREATE SCHEMA {self._schema} AUTHORIZATION {owner}",
                slug="no-rebuild-schema",
            ) from error
        finally:
            await engine.dispose()

    async def _freeze(self) -> Frozen:
        """Look at the live schema when nobody's erasure is half done, and keep its fingerprints here."""
        for _ in range(_SWEEP_LOOKS):
            async with self._live.transactions.begin() as tx:
                if await is_swept(tx):
                    break
            await self._pause()
        async with Cluster(self._stream) as cluster:
            incarnation = await cluster.incarnation()
            log_ends = await cluster.end_offsets([topic.name for topic in WORKER_TOPICS])
        async with self._live.transactions.snapshot() as live, self._rebuilt.transactions.begin() as here:
            stood = await stored_offsets(live, WORKER_GROUP, incarnation)
            ends = stood if self._settings.rebuild_until == "live" else log_ends
            with_views = await at_rest(live)
            frozen = Frozen(
                ends={TopicPartition(*place): end for place, end in ends.items()},
                digest=await keep_fingerprints(live, here, "live", views=with_views),
                erased=await erasures_of(live),
                erasure_ids=await erasure_ids(live),
                oldest=await oldest_of(live),
                with_views=with_views,
            )
        _log.info("the live state is known", digest=frozen.digest.whole, records=sum(frozen.ends.values()))
        return frozen

    async def _erased_now(self) -> Sequence[tuple[Person, Erasure]]:
        async with self._live.transactions.begin() as tx:
            return await erasures_of(tx)

    async def _forget(self, erased: Sequence[tuple[Person, Erasure]]) -> frozenset[str]:
        """Whoever the live schema or the topic says; returns the erasures that are noted here then."""
        parts = self._rebuilt
        async with parts.transactions.begin() as tx:
            await erase_unknown(PostgresProfileStore(tx), erased)
        await forewarn(parts, self._stream, self._never)
        swept = 1
        while swept:
            async with parts.transactions.begin() as tx:
                swept = await sweep(PostgresProfileStore(tx))
        async with parts.transactions.begin() as tx:
            return await erasure_ids(tx)

    async def _prune(self, oldest: Oldest) -> None:
        """What the live profile has forgotten as too old since the checkpoint is no difference."""
        gone = _PRUNED_TOGETHER
        while oldest.receipt is not None and gone >= _PRUNED_TOGETHER:
            async with self._rebuilt.transactions.begin() as tx:
                gone = await PostgresProfileStore(tx).receipts.prune(oldest.receipt, _PRUNED_TOGETHER)
        if oldest.erasure is not None:
            async with self._rebuilt.transactions.begin() as tx:
                await PostgresProfileStore(tx).privacy.forget_before(oldest.erasure)

    async def _compare(self, frozen: Frozen) -> Comparison:
        # A return for a forgotten person's receipt waits for ever where that receipt never was.
        but = frozenset({"parked"}) if frozen.erasure_ids else frozenset()
        async with self._rebuilt.transactions.snapshot() as seen, self._rebuilt.transactions.begin() as kept:
            rebuilt = await keep_fingerprints(seen, kept, "rebuilt", views=frozen.with_views)
            counts, first = await differences(kept, first=FIRST_DIFFERENCES, but=but)
        views = frozenset() if frozen.with_views else frozenset({"views"})
        return Comparison(live=frozen.digest, rebuilt=rebuilt, counts=counts, first=first, not_compared=but | views)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._never.wait(), _SWEEP_LOOK_SECONDS)
