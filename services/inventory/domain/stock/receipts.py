"""What a receipt takes from the shelves, and what taking it back returns; used by the handler of `ingest.pos.v1`."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.contracts.pos import Return, Sale
from services.inventory.domain.measure import to_milli


@dataclass(frozen=True, slots=True)
class DemandLine:
    """One line: positive quantities were sold, negative ones came back."""

    line_no: int
    item_id: str
    quantity_milli: int
    amount_cents: int

    def taken_back(self) -> "DemandLine":
        """The line that undoes it."""
        return DemandLine(self.line_no, self.item_id, -self.quantity_milli, -self.amount_cents)


def lines_of(receipt: Sale | Return) -> Sequence[DemandLine]:
    """What it moves, if it counts at all."""
    sold = tuple(
        DemandLine(line.line_no, line.item_id, to_milli(line.quantity), line.amount_cents) for line in receipt.lines
    )
    return sold if isinstance(receipt, Sale) else tuple(line.taken_back() for line in sold)
