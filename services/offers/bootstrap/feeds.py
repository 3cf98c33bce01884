"""Notes until when the profiles that checkouts read are complete, from the front door on; a part of the worker."""

from libs.common.contracts.topics import PROFILE_PROGRESS, PROFILE_SNAPSHOTS
from libs.common.persistence import stored_offsets
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster
from services.offers.bootstrap.parts import Parts
from services.offers.consumer import GROUP
from services.offers.domain.feeds import Promise
from services.offers.store.feeds import PostgresReadModel

_LOOK_SECONDS = 1.0


class FeedWatch:
    """Takes profile's word that its snapshots are complete until a moment, and notes it once they are read that far.

    Without a broker, without profile's worker, or while one of the two is behind, nothing newer is noted: after a while
    nobody's own profile is used, since a consent may have been withdrawn and we could not know.
    """

    def __init__(self, parts: Parts, cluster: Cluster) -> None:
        self._parts = parts
        self._cluster = cluster
        self._promise: Promise | None = None
        self._loop = RelayLoop(self.look, name="feed", backoff=parts.backoff, idle_seconds=_LOOK_SECONDS)

    async def run(self) -> None:
        """Look until `stop`."""
        try:
            await self._loop.run()
        finally:
            await self._cluster.close()

    def stop(self) -> None:
        """End `run` after the present look."""
        self._loop.stop()

    async def look(self) -> int:
        """One look; returns 0. Raises RetryableError when broker or database is away."""
        incarnation = await self._cluster.incarnation()
        if self._promise is None or self._promise.incarnation != incarnation:
            self._promise = await self._newest(incarnation)
        if self._promise is not None:
            await self._note_if_kept(self._promise)
        return 0

    async def _newest(self, incarnation: str) -> Promise | None:
        """The word first, the ends after it: what it speaks of was published before it was said."""
        async with self._parts.transactions.begin() as tx:
            said = await PostgresReadModel(tx).feed_complete_until(PROFILE_PROGRESS.name)
        if said is None:
            return None
        ends = await self._cluster.end_offsets([PROFILE_SNAPSHOTS.name])
        return Promise(complete_until=said, incarnation=incarnation, ends=ends)

    async def _note_if_kept(self, promise: Promise) -> None:
        """Note it for every partition when all are read that far; then the next word is waited for."""
        async with self._parts.transactions.begin() as tx:
            if not promise.kept(await stored_offsets(tx, GROUP, promise.incarnation)):
                return
            read_model = PostgresReadModel(tx)
            for topic, partition in sorted(promise.ends):
                await read_model.feed_reached(topic, partition, promise.complete_until)
            complete_until = await read_model.feed_complete_until(PROFILE_SNAPSHOTS.name)
        self._promise = None
        if complete_until is not None:
            self._parts.metrics.complete_until.set(complete_until.timestamp())
