"""Which time counts when a till's clock is wrong, and which tills have wrong clocks; called by admission and accepting."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from libs.common.errors import InvalidMessage

WRONG = "clock-wrong"
_CALENDAR = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class Told(NamedTuple):
    """When it happened, as far as we believe it; `claimed_at` is what was said where we do not."""

    at: datetime
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRules:
    """What a stated time may be, measured from when the event was heard."""

    ahead: timedelta = timedelta(minutes=5)
    """Up to here a clock that runs ahead is believed."""
    far_ahead: timedelta = timedelta(hours=36)
    """Up to here the event is believed and its time is not: it counts as having happened when it was heard."""
    behind: timedelta = timedelta(days=400)
    """How old an event may be: a till that was away sends late, a till with a wrong clock sends nonsense."""

    def believed(self, said_at: datetime, heard_at: datetime) -> Told:
        """The time that counts. Raises InvalidMessage (`clock-wrong`) for nonsense."""
        skew = said_at - heard_at
        if skew > self.far_ahead or skew < -self.behind:
            raise _wrong(heard_at - self.behind, heard_at + self.far_ahead, skew)
        if skew > self.ahead:
            return Told(heard_at, claimed_at=said_at.astimezone(UTC))
        return Told(said_at if said_at.tzinfo is UTC else said_at.astimezone(UTC))

    def waited(self, said_at: datetime, sent_at: datetime, heard_at: datetime) -> Told:
        """The time that counts of an event that waited at its sender, by the sender's own clock, from `said_at` to `sent_at`.

        How wrong that clock is does not matter. Raises InvalidMessage (`clock-wrong`) for one that waited too long.
        """
        waited = max(sent_at - said_at, timedelta())
        if waited > self.behind:
            raise _wrong(heard_at - self.behind, heard_at + self.far_ahead, None)
        return self.believed(heard_at - waited, heard_at)


def played(said_at: datetime) -> Told:
    """In a play event time is the clock: any moment of the calendar. Raises InvalidMessage (`clock-wrong`)."""
    earliest, latest = _CALENDAR
    if not earliest <= said_at <= latest:
        raise _wrong(earliest, latest, None)
    return Told(said_at.astimezone(UTC))


def _wrong(earliest: datetime, latest: datetime, skew: timedelta | None) -> InvalidMessage:
    return InvalidMessage(
        f"not between {earliest:%Y-%m-%d %H:%M} and {latest:%Y-%m-%d %H:%M} UTC",
        slug=WRONG,
        context={"pointer": "/time", "skew": skew},
    )


@dataclass(frozen=True, slots=True)
class Terminal:
    """Who told the time: the key's store, the event's source, and the till where the event names one."""

    store_id: str
    source: str
    terminal_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How wrong a terminal's clock was; seconds are positive for a clock that runs ahead."""

    terminal: Terminal
    events: int
    worst_seconds: float
    last_seconds: float
    last_heard_at: datetime


class ClockTally:
    """The wrong clocks that were heard lately, at most `terminals` of them: the longest silent one is dropped.

    >>> from datetime import UTC, datetime
    >>> tally, noon = ClockTally(terminals=2), datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> for source, seconds in (("a", 400.0), ("b", 900.0), ("a", -1e8), ("a", 500.0), ("c", 600.0)):
    ...     tally.note(Terminal("7", source), seconds, noon)
    >>> [(skew.terminal.source, skew.events, skew.worst_seconds, skew.last_seconds) for skew in tally.worst_first()]
    [('a', 3, -100000000.0, 500.0), ('c', 1, 600.0, 600.0)]
    """

    def __init__(self, terminals: int) -> None:
        self._terminals = terminals
        self._known: OrderedDict[Terminal, Skew] = OrderedDict()

    def note(self, terminal: Terminal, skew_seconds: float, heard_at: datetime) -> None:
        """This terminal told a time that was wrong by so much."""
        known = self._known.pop(terminal, None)
        self._known[terminal] = Skew(
            terminal=terminal,
            events=known.events + 1 if known else 1,
            worst_seconds=max(known.worst_seconds, skew_seconds, key=abs) if known else skew_seconds,
            last_seconds=skew_seconds,
            last_heard_at=heard_at,
        )
        if len(self._known) > self._terminals:
            self._known.popitem(last=False)

    def worst_first(self, store_id: str = "*") -> Sequence[Skew]:
        """The wrong clocks whose keys are bound to this store; `*`: all."""
        told = [skew for skew in self._known.values() if store_id in {"*", skew.terminal.store_id}]
        return sorted(told, key=lambda skew: -abs(skew.worst_seconds))
