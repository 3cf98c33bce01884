"""The keys of persons at work: found, made on first need, remembered for a while; used by accepting, quarantine and export."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from libs.common.clock import Clock
from libs.common.errors import NotFound, RetryableError
from libs.common.sealing import KeyEncryptionKey, PersonKey
from services.ingest.ports import PersonKeyStore, WrappedKey

_log = structlog.get_logger(__name__)


class PersonKeyUnavailable(RetryableError):
    """The person's key is not at hand and the database is away: nothing was sealed or opened, try again."""

    slug = "person-key-unavailable"


class PersonKeyGone(NotFound):
    """The person's key was deleted, or never was: what was sealed under it cannot be read by anybody any more."""

    slug = "person-key-gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRules:
    """How keys are remembered and waited for."""

    cached: int = 10_000
    cached_seconds: float = 60.0
    """So long a deleted key may still seal in this process; it opens nothing from the moment it is deleted."""
    deadline_seconds: float = 0.8


class Sealing:
    """Seals under remembered keys; opens only with keys that the database still has."""

    def __init__(self, store: PersonKeyStore, kek: KeyEncryptionKey, clock: Clock, rules: KeyRules) -> None:
        self._store = store
        self._kek = kek
        self._clock = clock
        self._rules = rules
        self._known: OrderedDict[str, tuple[float, PersonKey]] = OrderedDict()

    async def keys_of(self, persons: Collection[str]) -> Mapping[str, PersonKey]:
        """The keys for sealing, made where there are none; those that cannot be had in time are left out. Never raises."""
        known = {person: key for person in persons if (key := self._remembered(person)) is not None}
        missing = set(persons) - known.keys()
        if not missing:
            return known
        try:
            async with asyncio.timeout(self._rules.deadline_seconds):
                fetched = await self._fetched_or_made(missing)
        except Exception as error:  # noqa: BLE001 - whatever ails the database, events that need no key must not pay for it
            _log.warning("persons' keys are out of reach", keys=len(missing), error=type(error).__name__)
            return known
        for person, key in fetched.items():
            self._remember(person, key)
        return {**known, **fetched}

    async def seal_bytes(self, person: str | None, raw: bytes, now: datetime) -> tuple[str, bytes]:
        """The key's name and what was sealed; raises PersonKeyUnavailable."""
        name = key_name(person, now)
        keys = await self.keys_of([name])
        if name not in keys:
            raise PersonKeyUnavailable("the key to seal this with is out of reach")
        return name, keys[name].seal(raw)

    async def open_bytes(self, key_name: str, sealed: bytes) -> bytes:
        """What was sealed; raises PersonKeyGone, PersonKeyUnavailable, SealBroken."""
        return (await self._existing(key_name)).open(sealed)

    async def open_text(self, key_name: str, sealed: str) -> str:
        """The text that was sealed; raises PersonKeyGone, PersonKeyUnavailable, SealBroken."""
        return (await self._existing(key_name)).open_text(sealed)

    async def forget(self, persons: Collection[str]) -> int:
        """Delete keys for good: what was sealed under them is unreadable from now on. Raises RetryableError."""
        for person in persons:
            self._known.pop(person, None)
        return await self._store.forget(persons)

    async def _existing(self, name: str) -> PersonKey:
        """The key as the database has it now: a deleted one opens nothing, whatever is remembered here."""
        try:
            async with asyncio.timeout(self._rules.deadline_seconds):
                found = (await self._store.find([name])).get(name)
        except (TimeoutError, RetryableError) as error:
            raise PersonKeyUnavailable("the key to open this with is out of reach") from error
        if found is None:
            self._known.pop(name, None)
            raise PersonKeyGone("the key of this person is gone; what was sealed with it cannot be read any more")
        return self._kek.unwrapped(name, found.wrapped)

    async def _fetched_or_made(self, persons: Collection[str]) -> Mapping[str, PersonKey]:
        found = dict(await self._store.find(persons))
        new = [person for person in persons if person not in found]
        if new:
            made = {person: WrappedKey(self._kek.new_wrapped(person), self._kek.fingerprint) for person in new}
            await self._store.add(made, self._clock.now())
            # Somebody else may have been first: theirs is in force.
            found |= await self._store.find(new)
        return {person: self._kek.unwrapped(person, key.wrapped) for person, key in found.items()}

    def _remembered(self, person: str) -> PersonKey | None:
        since, key = self._known.get(person, (float("-inf"), None))
        if self._clock.monotonic_seconds() - since > self._rules.cached_seconds:
            self._known.pop(person, None)
            return None
        return key

    def _remember(self, person: str, key: PersonKey) -> None:
        self._known[person] = (self._clock.monotonic_seconds(), key)
        self._known.move_to_end(person)
        if len(self._known) > self._rules.cached:
            self._known.popitem(last=False)


def key_name(person: str | None, now: datetime) -> str:
    """Whose key it is: the person's, and of the UTC day for what names nobody."""
    return person if person is not None else f"day:{now.astimezone(UTC):%Y-%m-%d}"
