"""What inventory asks of inventory systems, what they answer, and what is there to be had."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from libs.common.contracts.values import Contract, Key, Moment, PositiveCents, Quantity, Ratio, SignedQuantity


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
    from_store_id: Key | None = None
    """The depot of the chain's own that gives it, where the lane begins at one."""


class Reroute(Command):
    """`usual.inventory.reroute.v1`: move this much from another store."""

    from_store_id: Key


class CommandNotice(Contract):
    """What is said of a command beside what it asks for."""

    command_id: Key
    version: Annotated[int, Field(ge=1)]
    item_id: Key
    reason: str

    @property
    def partition_key(self) -> str:
        """The item: in order with the command itself."""
        return self.item_id


class CommandWithdrawn(CommandNotice):
    """`usual.inventory.command_withdrawn.v1`: a command that nobody had answered is not to be acted on any more.

    Who has acted already says so (`shipped`): what moved counts.
    """


class CommandEscalated(CommandNotice):
    """`usual.inventory.command_escalated.v1`: somebody should look at this command; nothing is asked of an inventory system."""

    alarm: Key
    """`unapproved`, `unanswered`, `overdue`, `no-source`; other words may come."""


class CountRequested(Contract):
    """`usual.inventory.count.v1`: a shelf is probably empty though the book says otherwise; somebody should count it.

    A `usual.stock.counted.v1` of the shelf, or anything that moves on it, ends the request.
    """

    request_id: Key
    item_id: Key
    store_id: Key
    book: Quantity
    """What the book says is there."""
    empty_ratio: Ratio
    """How likely nothing is."""
    silent_since: date
    reason: str

    @property
    def partition_key(self) -> str:
        """The item, as its commands."""
        return self.item_id


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
    surplus: Quantity | None = None
    """Of what is on hand, what will probably not be sold by its last day; nothing where all of it will."""
    surplus_until: date | None = None
    """The last day on which it may be sold."""

    @property
    def partition_key(self) -> str:
        """Store and item."""
        return f"{self.store_id}:{self.item_id}"
