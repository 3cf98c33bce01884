"""A line of a basket, as tills state it at checkouts and with codes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.values import Cents, Key, Quantity, Unit


class CheckoutLine(BaseModel):
    """One line of the basket in hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line_no: Annotated[int, Field(ge=1, le=100_000)]
    item_id: Key
    quantity: Quantity
    amount_cents: Cents
    unit: Annotated[str, Field(max_length=32)] = Unit.EACH
    """Of the quantity. `kg`, `l` and `m` are weight or measure; all else counts pieces."""
