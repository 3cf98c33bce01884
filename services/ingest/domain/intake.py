"""How much may be under way at once, in bytes of unanswered requests; called by the API as bodies come in."""

from types import TracebackType
from typing import Self

from libs.common.errors import RetryableError


class IntakeFull(RetryableError):
    """More is under way than this process can hold: come again."""

    slug = "intake-full"


class Intake:
    """The bound that all requests share. A caller that sends slowly holds only what it has sent.

    >>> intake = Intake(limit_bytes=10)
    >>> with intake.share() as share:
    ...     share.take(4)
    ...     intake.taken_bytes
    4
    >>> intake.taken_bytes
    0
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.taken_bytes = 0

    def share(self) -> "Share":
        """One request's part, given back when its block ends."""
        return Share(self)

    def take(self, size: int) -> None:
        """Count `size` bytes; raises IntakeFull when they are too many, counting nothing."""
        if self.taken_bytes + size > self._limit_bytes:
            raise IntakeFull("too much is under way; nothing of this request was taken")
        self.taken_bytes += size

    def give_back(self, size: int) -> None:
        """Count them no more."""
        self.taken_bytes -= size


class Share:
    """What one request holds of the intake."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._held_bytes = 0

    def take(self, size: int) -> None:
        """Hold `size` bytes more; raises IntakeFull."""
        self._intake.take(size)
        self._held_bytes += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._intake.give_back(self._held_bytes)
