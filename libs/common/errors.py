"""The kinds of error that the whole system knows: HTTP maps a kind to a status, streaming maps it to a message's fate."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What an error means for the caller, independent of any transport."""

    INVALID = "invalid"  # the input breaks its contract: 422, or a dead letter
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"  # the state says no: 409, or an outcome that is recorded
    OUTDATED = "outdated"  # the caller has not seen the newest version of what it wants to change
    TOO_LARGE = "too_large"
    UNACCEPTABLE = "unacceptable"  # what we must never hold: 422 like invalid, but kept nowhere and never logged
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"  # try again later: 503, or the same offset after a back-off


class UsualError(Exception):
    """Root of the errors that we raise on purpose.

    `slug` is stable and machine-readable, `detail` is for a person and holds no personal data,
    `context` holds further members for the answer or the log.
    """

    kind: Kind = Kind.INVALID
    slug: str = "invalid"

    def __init__(self, detail: str, *, slug: str | None = None, context: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if slug is not None:
            self.slug = slug
        self.context: Mapping[str, object] = dict(context or {})


class InvalidInput(UsualError):
    """A request that its contract does not allow."""

    kind = Kind.INVALID
    slug = "invalid-input"


class InvalidMessage(UsualError):
    """A message that can never be handled: it goes to the dead letters in the transaction that moves its offset."""

    kind = Kind.INVALID
    slug = "invalid-message"


class Unauthenticated(UsualError):
    """No credential, or one that is unknown, revoked or out of date."""

    kind = Kind.UNAUTHENTICATED
    slug = "unauthenticated"


class Forbidden(UsualError):
    """A known caller without the scope, or of another store."""

    kind = Kind.FORBIDDEN
    slug = "forbidden"


class NotFound(UsualError):
    """What was asked for does not exist, or not for this caller."""

    kind = Kind.NOT_FOUND
    slug = "not-found"


class Conflict(UsualError):
    """The present state does not allow it."""

    kind = Kind.CONFLICT
    slug = "conflict"


class InFlight(Conflict):
    """The same request is being worked on just now: its answer is there in a moment."""

    slug = "in-flight"
    wait_seconds = 1


class Outdated(UsualError):
    """Somebody changed it since the caller read it, or the caller does not say what it has read."""

    kind = Kind.OUTDATED
    slug = "outdated"


class TooLarge(UsualError):
    """More bytes or items than the limit."""

    kind = Kind.TOO_LARGE
    slug = "too-large"


class TooManyTries(UsualError):
    """Refused for a while because of what came before; the same again after `wait_seconds`."""

    kind = Kind.TOO_MANY
    slug = "too-many-tries"

    def __init__(self, detail: str, *, wait_seconds: int) -> None:
        super().__init__(detail)
        self.wait_seconds = wait_seconds


class RetryableError(UsualError):
    """A dependency is down, slow or gave no answer: the same work may be tried again, unchanged."""

    kind = Kind.UNAVAILABLE
    slug = "unavailable"
