"""What answers that are given again need from storage."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it goes to a caller."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer that was given, and the digest of what it was given to."""

    answer: Answer
    asked: bytes


class AnswerStore(Protocol):
    """Answers by the name of their request (caller and key as one digest), in the transaction of what they tell."""

    async def claim(self, name: bytes) -> KeptAnswer | bool:
        """What was answered under this name; else whether it is ours until the end of the transaction: nobody else works on it."""
        ...

    async def keep(self, name: bytes, answered: KeptAnswer, answered_at: datetime) -> bool:
        """Keep the answer; False when there is one already: then nothing of this transaction may stay."""
        ...

    async def forget(self, before: datetime, most: int) -> int:
        """Forget answers that were given before, up to `most`; returns how many."""
        ...
