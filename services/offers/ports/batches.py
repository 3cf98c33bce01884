"""What making and importing vouchers in batches needs: rows within one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.batches import BadLine, Batch, NewCode, Progress
from services.offers.ports.campaigns.versions import CampaignStore
from services.offers.ports.revocation import RevocationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBatch:
    """A batch and how far it is. `asked` is a digest of the request."""

    batch: Batch
    progress: Progress
    asked: bytes
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Codes of another system, by line: what they are found by and nothing else."""

    line_nos: Sequence[int]
    lookups: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines that came in and are no vouchers yet, with what they are found by."""

    part: int
    upload_id: str
    chunk: int
    lines: Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One body of an import that came in whole."""

    part: int
    upload_id: str
    body_digest: bytes
    lines: int
    quarantined: int


class BatchStore(Protocol):
    """Batches within one transaction. Whoever changes one holds its row."""

    async def put(self, known: KnownBatch) -> bool:
        """Keep a new batch; False when its id is taken."""
        ...

    async def one(self, batch_id: str) -> KnownBatch | None:
        """A batch; None for an unknown id."""
        ...

    async def newest(self, limit: int) -> Sequence[KnownBatch]:
        """The newest batches, newest first."""
        ...

    async def lock(self, batch_id: str) -> KnownBatch | None:
        """A batch, locked until the end."""
        ...

    async def lock_running(self) -> KnownBatch | None:
        """The oldest batch that is running, that no brake stops and that nobody else is at, locked until the end."""
        ...

    async def is_revoked(self, batch: Batch) -> bool:
        """Whether a revocation covers all of its vouchers."""
        ...

    async def keep_progress(self, batch_id: str, progress: Progress, finished_at: datetime | None) -> None:
        """Note how far a locked batch is."""
        ...

    async def affordable(self, batch: Batch) -> int:
        """How many vouchers its budget has room for now; not locked, so it may be fewer in a moment."""
        ...

    async def make(self, batch: Batch, codes: Sequence[NewCode]) -> Sequence[int]:
        """Issue these vouchers, none for which there is one already: their places in `codes` are returned."""
        ...

    async def reserve(self, batch: Batch, count: int, at: datetime) -> bool:
        """Set aside what so many of its vouchers may cost, in one transfer; False where the budget has not so much."""
        ...

    async def add_lines(self, batch_id: str, chunk: Chunk) -> None:
        """Keep lines of a body that is still coming in; none once the batch takes no more: nobody would forget them."""
        ...

    async def body(self, batch_id: str, part: int) -> Body | None:
        """What is known of a part that came in."""
        ...

    async def put_body(self, batch_id: str, body: Body, errors: Sequence[BadLine], chunks: int) -> None:
        """A body is whole: its first `chunks` chunks count, and whatever came in for this part before does not."""
        ...

    async def received(self, batch_id: str) -> tuple[int, int]:
        """Lines of all parts that are codes, and those that are none."""
        ...

    async def next_chunk(self, batch_id: str) -> Chunk | None:
        """The next lines that are no vouchers yet."""
        ...

    async def used(self, batch_id: str, chunk: Chunk, count: int) -> None:
        """The first `count` lines of a chunk are done with."""
        ...

    async def forget_lines(self, batch_id: str) -> None:
        """Drop what came in of a batch that is over."""
        ...

    async def quarantine(self, batch_id: str, errors: Sequence[BadLine]) -> None:
        """Note lines that became no voucher, as far as there is room."""
        ...

    async def errors(self, batch_id: str) -> Sequence[BadLine]:
        """The lines that were noted, by part and number."""
        ...

    async def existing(self, batch_id: str, voucher_ids: Sequence[str]) -> Sequence[str]:
        """Those that are vouchers of this batch, in the order given."""
        ...


class BatchStores(Protocol):
    """What the doors of batches need within one transaction."""

    @property
    def batches(self) -> BatchStore:
        """Batches."""
        ...

    @property
    def campaigns(self) -> CampaignStore:
        """Campaigns."""
        ...

    @property
    def revocations(self) -> RevocationStore:
        """Revocations."""
        ...
