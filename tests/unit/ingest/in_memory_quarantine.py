"""The quarantine's port in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from libs.common.errors import RetryableError
from services.ingest.ports import Decision, QuarantineClass, QuarantinedEvent, Wanted


@dataclass
class InMemoryQuarantine:
    """Keeps by id, unless it is away."""

    away: bool = False
    kept: dict[str, QuarantinedEvent] = field(default_factory=dict)

    async def keep(self, events: Sequence[QuarantinedEvent]) -> None:
        self._reach()
        for event in events:
            known = self.kept.get(event.quarantine_id)
            again = known and replace(known, times=known.times + event.times, last_at=event.at)
            self.kept[event.quarantine_id] = again or event

    async def find(self, quarantine_id: str) -> QuarantinedEvent | None:
        self._reach()
        return self.kept.get(quarantine_id)

    async def list_newest(
        self, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[QuarantinedEvent]:
        newest = self._fitting(wanted)[::-1]
        return [event for event in newest if before is None or (event.at, event.quarantine_id) < before][:limit]

    async def waiting_ids(self, wanted: Wanted, *, limit: int) -> Sequence[str]:
        self._reach()
        waiting = [event for event in self._fitting(wanted) if event.state == "waiting"]
        waiting.sort(key=lambda event: (event.decided_at is not None, event.decided_at or event.at))
        return [event.quarantine_id for event in waiting][:limit]

    async def classes(self, wanted: Wanted) -> Sequence[QuarantineClass]:
        self._reach()
        found: dict[tuple[str, str | None, str], list[QuarantinedEvent]] = {}
        for event in self._fitting(wanted):
            found.setdefault((event.slug, event.type, event.state), []).append(event)
        counted = [
            QuarantineClass(
                slug=events[0].slug,
                type=events[0].type,
                state=events[0].state,
                events=len(events),
                times=sum(event.times for event in events),
                oldest_at=min(event.at for event in events),
                newest_at=max(event.last_at or event.at for event in events),
            )
            for events in found.values()
        ]
        return sorted(counted, key=lambda one: -one.events)

    async def mend(self, quarantine_id: str, mended: bytes, *, sealed_under: str) -> bool:
        return self._change(quarantine_id, mended=mended, mended_sealed_under=sealed_under)

    async def decide(self, decision: Decision) -> bool:
        return self._change(
            decision.quarantine_id,
            state=decision.state,
            decided_by=decision.by,
            decided_at=decision.at,
            outcome=decision.outcome,
        )

    async def forget(self, *, before: datetime, limit: int) -> int:
        self._reach()
        old = [event.quarantine_id for event in self._fitting(Wanted()) if event.at < before][:limit]
        for quarantine_id in old:
            del self.kept[quarantine_id]
        return len(old)

    def _change(self, quarantine_id: str, **changes: object) -> bool:
        self._reach()
        known = self.kept[quarantine_id]
        if known.state != "waiting":
            return False
        self.kept[quarantine_id] = replace(known, **changes)  # type: ignore[arg-type]  # columns by name
        return True

    def _fitting(self, wanted: Wanted) -> list[QuarantinedEvent]:
        """Oldest first."""
        in_order = sorted(self.kept.values(), key=lambda event: (event.at, event.quarantine_id))
        return [event for event in in_order if _fits(event, wanted)]

    def _reach(self) -> None:
        if self.away:
            raise RetryableError("the database is away")


def _fits(event: QuarantinedEvent, wanted: Wanted) -> bool:
    named = ("slug", "type", "source", "state")
    return (
        all(getattr(wanted, name) in {None, getattr(event, name)} for name in named)
        and wanted.store_id in {"*", event.store_id}
        and (wanted.since is None or (event.last_at or event.at) >= wanted.since)
    )
