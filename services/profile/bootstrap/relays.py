"""What leaves: rows of the newest-state tables as messages, and the relays that send them."""

from collections.abc import Callable
from typing import Any

from libs.common.clock import Clock
from libs.common.contracts import Topic, new_event
from libs.common.contracts.profile import IdentityChanged
from libs.common.contracts.topics import PROFILE_IDENTITY, PROFILE_MODELS, PROFILE_SNAPSHOTS
from libs.common.persistence import OutboxMessage, VersionedTable
from libs.common.persistence.messages import decode_headers
from services.profile.handlers.memberships import SOURCE
from services.profile.metrics import ProfileMetrics
from services.profile.tables import CUSTOMERS, IDENTITY_CHANGES, MODELS

Encode = Callable[[Any], OutboxMessage]


def snapshots(metrics: ProfileMetrics, clock: Clock) -> VersionedTable:
    """Customers to `profile.snapshots.v1`. How fresh a snapshot is, is measured here: the moment before it is sent."""
    encode = _stored(PROFILE_SNAPSHOTS, "customer_id")

    def measured(row: Any) -> OutboxMessage:
        if row.accepted_at is not None:
            metrics.freshness_seconds.observe((clock.now() - row.accepted_at).total_seconds())
        return encode(row)

    return VersionedTable(table=CUSTOMERS, key=("customer_id",), encode=measured)


def identity_changes() -> VersionedTable:
    """Old and new customer ids to `profile.identity.v1`."""

    def encode(row: Any) -> OutboxMessage:
        changed = IdentityChanged(customer_id=row.customer_id, version=row.version, now_customer_id=row.now_customer_id)
        event = new_event(
            changed,
            event_id=f"{row.customer_id}:{row.version}",
            source=SOURCE,
            occurred_at=row.occurred_at,
            received_at=row.accepted_at,
        )
        return OutboxMessage.of(event, PROFILE_IDENTITY)

    return VersionedTable(table=IDENTITY_CHANGES, key=("customer_id",), encode=encode)


def models() -> VersionedTable:
    """Population models to `profile.models.v1`."""
    return VersionedTable(
        table=MODELS,
        key=("model_name",),
        encode=_stored(PROFILE_MODELS, "model_name"),
        version="number",
        published="published_number",
    )


def _stored(topic: Topic, key: str) -> Encode:
    """A row that holds its message as it was made, or nothing: then its key is deleted."""

    def encode(row: Any) -> OutboxMessage:
        name = str(getattr(row, key))
        if row.body is None:
            return OutboxMessage.tombstone(topic, name)
        return OutboxMessage(topic=topic.name, key=name.encode(), headers=decode_headers(row.headers), value=row.body)

    return encode
