"""What inventory asks of inventory systems, what they answer, and what is there to be had."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from libs.common.contracts.values import Contract, Key, Moment, PositiveCents, Quantity, SignedQuantity


class DemandMoved(Contract):
    """`usual.inventory.demand.v1` (internal): one line of a sale or a return, keyed by item."""

    item_id: Key
    store_id: Key
    quantity: SignedQuantity
    """Positive: sold. Negative: came back."""
    amount_cents: int = 0

    @property
    def partition_key(self) -> str:
        """The item: one worker sees it in all stores."""
        return self.item_id


class Command(Contract):
    """What all commands have in common. The same need always has the same id; a higher version replaces a lower one."""

    command_id: Key
    version: Annotated[int, Field(ge=1)]
    item_id: Key
    store_id: Key
    """Where the goods are wanted."""
    quantity: Quantity
    needed_at: Moment
    valid_until: Moment
    explanation: str

    @property
    def partition_key(self) -> str:
        """The item: a command and its amendments stay in order."""
        return self.item_id


class Reorder(Command):
    """`usual.inventory.reorder.v1`: buy this much from a supplier."""

    supplier_id: Key
    lane_id: Key
    packs: Annotated[int, Field(ge=1)]
    cost_cents: PositiveCents | None = None


class Reroute(Command):
    """`usual.inventory.reroute.v1`: move this much from another store."""

    from_store_id: Key


class AcknowledgementStatus(StrEnum):
    """What an inventory system says of a command."""

    ACKNOWLEDGED = "acknowledged"
    AMENDED = "amended"
    REJECTED = "rejected"
    SHIPPED = "shipped"
    RECEIVED = "received"


class Acknowledged(Contract):
    """`usual.inventory.acknowledgement.v1`: an inventory system's answer to one version of a command."""

    command_id: Key
    version: Annotated[int, Field(ge=1)]
    item_id: Key
    status: AcknowledgementStatus
    quantity: Quantity | None = None
    """What will come (amended) or came (received), where it differs from what was asked."""
    expected_at: Moment | None = None
    reason: Key | None = None

    @property
    def partition_key(self) -> str:
        """The item, as the command's."""
        return self.item_id


class Availability(Contract):
    """`usual.inventory.availability.v1`: whether an item will be there for a voucher in one store; newest state."""

    store_id: Key
    item_id: Key
    version: Annotated[int, Field(ge=1)]
    on_hand: SignedQuantity
    available: SignedQuantity
    """On hand and on its way within the voucher's horizon, less what is promised."""
    status: Literal["plenty", "low", "none"]

    @property
    def partition_key(self) -> str:
        """Store and item."""
        return f"{self.store_id}:{self.item_id}"
