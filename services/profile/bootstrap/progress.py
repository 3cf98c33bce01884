"""Says again and again until when the published snapshots are complete; a round of the worker, and of each of several."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.contracts import Topic, new_event
from libs.common.contracts.profile import ProfileCompleted
from libs.common.contracts.topics import PROFILE_PROGRESS
from libs.common.persistence import OutboxMessage
from libs.common.persistence.messages import Sender
from libs.common.streaming import Cluster
from services.profile.bootstrap.parts import Parts
from services.profile.domain.progress import Followed, follow, newest_complete
from services.profile.handlers.snapshots import SOURCE
from services.profile.store.progress import standing

_MOST_FOLLOWED = 64


class Progress:
    """Follows moments; each that everything before is applied, folded and published for is said, the latest of several.

    It is sent without an outbox: a word that is lost is followed by a later one, a repeat changes nothing, and PostgreSQL
    and the logs, from which it is made, are the same for all workers.
    """

    def __init__(self, parts: Parts, *, group: str, topics: Sequence[Topic], cluster: Cluster, sender: Sender) -> None:
        self._parts = parts
        self._group = group
        self._names = {topic.name for topic in topics}
        self._cluster = cluster
        self._sender = sender
        self._incarnation = ""
        self._followed: Sequence[Followed] = ()

    async def look(self) -> int:
        """One look; returns 0. Raises RetryableError when broker or database is away."""
        incarnation = await self._cluster.incarnation()
        if incarnation != self._incarnation:
            self._incarnation, self._followed = incarnation, ()
        if len(self._followed) < _MOST_FOLLOWED:
            now = self._parts.clock.now()
            ends = await self._cluster.end_offsets(self._names)
            if {topic for topic, _ in ends} == self._names:
                self._followed = (*self._followed, Followed(at=now, ends=ends))
        async with self._parts.transactions.begin() as tx:
            found = await standing(tx, self._group, incarnation)
        if found is None:
            self._followed = ()
            return 0
        self._followed = follow(self._followed, found)
        complete_until = newest_complete(self._followed)
        if complete_until is not None:
            self._followed = [moment for moment in self._followed if moment.at > complete_until]
            await self._sender.send_many([_said(complete_until)])
        return 0


def _said(complete_until: datetime) -> OutboxMessage:
    event = new_event(
        ProfileCompleted(complete_until=complete_until),
        event_id=f"complete:{complete_until.isoformat()}",
        source=SOURCE,
        occurred_at=complete_until,
    )
    return OutboxMessage.of(event, PROFILE_PROGRESS)
