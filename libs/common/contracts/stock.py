"""What inventory systems and stores report: published by ingest on `ingest.stock.v1`, keyed by item."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from libs.common.contracts.values import Contract, Key, Part, Quantity, SignedQuantity, Unit


class LotPart(Part):
    """So much of a movement is of goods that may be sold until the end of `last_day`."""

    last_day: date
    quantity: Quantity


Lots = Annotated[tuple[LotPart, ...], Field(max_length=100)]


def _parts_of(whole: Decimal, lots: Sequence[LotPart] | None) -> None:
    if sum(lot.quantity for lot in lots or ()) > abs(whole):
        raise ValueError("lots come to more than what moved")


class StockFact(Contract):
    """What all stock facts have in common."""

    store_id: Key
    item_id: Key
    unit: Unit = Unit.EACH

    @property
    def partition_key(self) -> str:
        """The item: one worker sees it in all stores."""
        return self.item_id


class StockCounted(StockFact):
    """`usual.stock.counted.v1`: an assertion: at the event's time this much was on hand."""

    on_hand: SignedQuantity
    synthetic: bool = False
    """True where no count exists and one was made up (the opening stock of a played data set)."""


class StockDelivered(StockFact):
    """`usual.stock.delivered.v1`: goods arrived, against a command of ours or not."""

    quantity: Quantity
    command_id: Key | None = None
    lots: Lots | None = None
    """Of it, what is known to last until when; the rest lasts for the item's shelf life from its arrival."""

    @model_validator(mode="after")
    def _lots_are_parts(self) -> "StockDelivered":
        _parts_of(self.quantity, self.lots)
        return self


class MovementReason(StrEnum):
    """Why stock moved without a sale."""

    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    WASTE = "waste"
    SHRINKAGE = "shrinkage"
    ADJUSTMENT = "adjustment"


class StockMoved(StockFact):
    """`usual.stock.moved.v1`: stock changed by `change` (negative: left) for a stated reason."""

    change: SignedQuantity
    reason: MovementReason
    command_id: Key | None = None
    lots: Lots | None = None
    """Which lots came or left; what is not named came fresh, or left oldest first."""

    @model_validator(mode="after")
    def _lots_are_parts(self) -> "StockMoved":
        _parts_of(self.change, self.lots)
        return self

    @model_validator(mode="after")
    def _the_sign_fits_the_reason(self) -> "StockMoved":
        if self.reason is MovementReason.TRANSFER_IN and self.change < 0:
            raise ValueError("a transfer in cannot be negative")
        if self.reason in {MovementReason.TRANSFER_OUT, MovementReason.WASTE} and self.change > 0:
            raise ValueError(f"{self.reason} cannot be positive")
        return self
