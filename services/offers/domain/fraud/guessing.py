"""Guessing of codes: whose misses are counted together, when they lock, and what a caller is told of a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.offers.domain.vouchers.voucher import NotRedeemed

NOT_VALID = "not-valid"
"""The one reason that a caller without the right to reasons hears, whatever the reason is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """Who presents a code. `sees_reasons`: an authorised till, told why a code is refused."""

    key_id: str
    store_id: str
    terminal_id: str | None
    sees_reasons: bool

    @property
    def kind(self) -> str:
        """`till` for one that sees reasons, else `other`."""
        return "till" if self.sees_reasons else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissLimits:
    """So many misses within the window lock whoever made them for a while."""

    per_lane: int = 5
    per_store: int = 25
    per_caller: int = 50
    window: timedelta = timedelta(minutes=1)
    lock: timedelta = timedelta(minutes=5)

    def of(self, presenter: Presenter) -> Mapping[str, int]:
        """The limit of each subject whose misses these are, by its name.

        Tills and others are counted apart: nobody outside locks a store's tills by naming the store.
        """
        kind, key_id, store_id = presenter.kind, presenter.key_id, presenter.store_id
        return {
            f"{kind}:lane:{key_id}:{store_id}:{presenter.terminal_id or ''}": self.per_lane,
            f"{kind}:store:{store_id}": self.per_store,
            f"{kind}:caller:{key_id}": self.per_caller,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """The misses of one subject in its present window."""

    count: int
    since: datetime
    locked_until: datetime | None = None

    def lock_at(self, now: datetime) -> datetime | None:
        """Until when its codes are not looked at; None: they are now."""
        return self.locked_until if self.locked_until is not None and now < self.locked_until else None

    def and_one_more(self, limit: int, limits: MissLimits, now: datetime) -> "Misses":
        """What is known after one more miss: a new window where the last is over, a lock at the limit."""
        over = now >= self.since + limits.window or (self.locked_until is not None and now >= self.locked_until)
        count, since = (1, now) if over else (self.count + 1, self.since)
        return Misses(count=count, since=since, locked_until=now + limits.lock if count >= limit else None)


def is_miss(reason: str, *, mistyped: bool, sees_reasons: bool) -> bool:
    """Whether a refusal counts as a guess.

    A wrong check character never does: it is a typing error, and tells a guesser nothing. At an authorised till only an
    unknown code does. For anybody else every refusal does: when the lock falls must not tell what the answer does not.
    """
    if mistyped:
        return False
    return not sees_reasons or reason == NotRedeemed.UNKNOWN_CODE
