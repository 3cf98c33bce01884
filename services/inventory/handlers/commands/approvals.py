"""The exception queue and what people decide: each decision in a transaction of its own, once a version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.clock import Clock
from libs.common.errors import Conflict, NotFound
from libs.common.persistence import Transactions
from services.inventory.domain.commands.command import Command
from services.inventory.domain.commands.verdicts import Verdict, judged
from services.inventory.handlers.commands.keeping import keep
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import ExceptionRow, InventoryStore, LoggedChange
from services.inventory.ports.stores import StoreOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Raises RetryableError when the database does not answer. `play_mode`: time is where the last review was."""

    transactions: Transactions
    store_of: StoreOf
    metrics: InventoryMetrics
    clock: Clock
    play_mode: bool = False

    async def queue(self, which: str | None, after: tuple[int, str] | None, limit: int) -> Sequence[ExceptionRow]:
        """What waits for a person, most money first."""
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            return await store.exceptions.queue(which, await self._now(store), after, limit)

    async def history(self, command_id: str) -> Sequence[LoggedChange]:
        """All that happened to a command; raises NotFound."""
        async with self.transactions.begin() as tx:
            found = await self.store_of(tx).log.history(command_id)
        if not found:
            raise NotFound("no such command, or none whose history is kept", slug="unknown-command")
        return found

    async def decide(self, command_id: str, version: int, verdict: Verdict) -> tuple[bool, Command]:
        """Whether this decided it (False: it was decided so before), and the command as it stands.

        Raises NotFound, and Conflict where that version was decided otherwise, was replaced, or cannot be decided so any more.
        """
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            command = await _locked(store, command_id)
            known = await store.exceptions.decided(command_id, version)
            if known is not None:
                if not known.says_the_same(verdict):
                    raise Conflict(f"{known.by} has decided otherwise: {known.ruling}", slug="decided-otherwise")
                return False, command
            if command.version != version:
                raise Conflict(f"this is version {command.version} by now: read it again", slug="version-replaced")
            now = await self._now(store)
            change = judged(command, verdict, now)
            if change is None:
                words = f"a command that is {command.status.word} cannot be decided so"
                raise Conflict(words, slug="not-to-be-decided")
            await store.exceptions.note(command_id, version, verdict, now)
            await keep(store, [change])
        self.metrics.decisions.labels(verdict.ruling.value).inc()
        return True, change.command

    async def _now(self, store: InventoryStore) -> datetime:
        reached_at = await store.exceptions.reached_at() if self.play_mode else None
        return reached_at or self.clock.now()


async def _locked(store: InventoryStore, command_id: str) -> Command:
    """The command with its item's lock, in the order in which a review takes them."""
    await store.stock.touch((await store.commands.items_of([command_id])).values())
    found = await store.commands.lock([command_id])
    if not found:
        raise NotFound("no such command", slug="unknown-command")
    return found[command_id]
