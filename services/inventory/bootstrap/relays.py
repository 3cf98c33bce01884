"""What leaves: availability rows as messages, and the connections that they leave by."""

from typing import Any

from libs.common.contracts import new_event
from libs.common.contracts.inventory import Availability
from libs.common.contracts.topics import INVENTORY_AVAILABILITY
from libs.common.persistence import OutboxMessage, VersionedTable
from libs.common.streaming import Cluster, Producer, StreamSettings
from services.inventory.domain.measure import from_milli
from services.inventory.handlers import SOURCE
from services.inventory.tables import AVAILABILITY


class Outlet:
    """The producer and the connection that asks which log it writes to; both go after everything that sends."""

    def __init__(self, settings: StreamSettings) -> None:
        self.producer = Producer(settings)
        self.cluster = Cluster(settings)

    async def stop(self) -> None:
        """Flush under a deadline, then close."""
        await self.producer.stop()
        await self.cluster.close()


def availability() -> VersionedTable:
    """Availability to `inventory.availability.v1`."""

    def encode(row: Any) -> OutboxMessage:
        # Checked when the row was written: a value that came from our own columns needs no second look.
        body = Availability.model_construct(
            store_id=row.store_id,
            item_id=row.item_id,
            version=row.version,
            on_hand=from_milli(row.on_hand_milli),
            available=from_milli(row.available_milli),
            status=row.status,
            surplus=from_milli(row.surplus_milli) if row.surplus_milli else None,
            surplus_until=row.surplus_until,
        )
        name = f"availability:{row.store_id}:{row.item_id}:{row.version}"
        return OutboxMessage.of(
            new_event(body, event_id=name, source=SOURCE, occurred_at=row.changed_at), INVENTORY_AVAILABILITY
        )

    return VersionedTable(table=AVAILABILITY, key=("item_id", "store_id"), encode=encode)
