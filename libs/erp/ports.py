"""What an inventory system has to offer to take commands, and what the adapter sends back for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One version of a command: a purchase order, or with `from_store_id` a transfer. A higher version replaces a lower one."""

    command_id: str
    version: int
    item_id: str
    store_id: str
    quantity: Decimal
    needed_at: str
    supplier_id: str | None = None
    from_store_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Something that is to be told to the public doors: an `answer` to a command, or an `event` of stock.

    It is kept until a door has taken it, and it may be told more than once: its body names it.
    """

    name: str
    door: str
    body: Mapping[str, Any]


class Erp(Protocol):
    """An inventory system. Every method is one transaction of its own database: done wholly and for good, or not at all."""

    def place(self, wanted: Wanted) -> bool:
        """Make or replace the order of a command and note the answer to it, once; False for a version that is known, or an older one.

        A known version is answered again: whoever sends it once more may not have heard.
        """
        ...

    def withdraw(self, command_id: str, version: int) -> bool:
        """Cancel the order of a command of which nothing has left yet; False where there is nothing to cancel."""
        ...

    def unsaid(self, limit: int) -> Sequence[Saying]:
        """What no door has taken yet, in the order in which it was noted."""
        ...

    def said(self, names: Sequence[str]) -> None:
        """Doors have taken these."""
        ...
