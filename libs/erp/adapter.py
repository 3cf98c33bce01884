"""Events of commands into an inventory system, and what it has to say to the public doors; called by whatever brings the events."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from libs.erp.ports import Erp, Saying, Wanted

_ORDERS = frozenset({"usual.inventory.reorder.v1", "usual.inventory.reroute.v1"})
_WITHDRAWN = "usual.inventory.command_withdrawn.v1"


class Doors(Protocol):
    """The public doors of ingest and inventory."""

    async def tell(self, saying: Saying) -> bool:
        """Say one thing; False when no door has taken it: it is said again later. Raises DoorClosed for what will never be taken."""
        ...


class DoorClosed(Exception):
    """A door refused what was said as such: a fault of ours or theirs that a repeat does not mend."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """`take` and `tell` may be stopped at any point and called again: the inventory system's own transactions keep the count."""

    erp: Erp
    doors: Doors

    def take(self, kind: str, content: Mapping[str, Any]) -> bool:
        """An event of the type `kind` with its `data`; whether it changed anything. Others than of commands change nothing."""
        if kind in _ORDERS:
            return self.erp.place(_wanted(content))
        if kind == _WITHDRAWN:
            return self.erp.withdraw(content["command_id"], int(content["version"]))
        return False

    async def tell(self, limit: int = 50) -> int:
        """Say what is to be said, in order, until a door does not take something; how much was taken."""
        taken: list[str] = []
        for saying in self.erp.unsaid(limit):
            if not await self.doors.tell(saying):
                break
            taken.append(saying.name)
        self.erp.said(taken)
        return len(taken)


def _wanted(content: Mapping[str, Any]) -> Wanted:
    return Wanted(
        command_id=content["command_id"],
        version=int(content["version"]),
        item_id=content["item_id"],
        store_id=content["store_id"],
        quantity=Decimal(str(content["quantity"])),
        needed_at=content["needed_at"],
        supplier_id=content.get("supplier_id"),
        from_store_id=content.get("from_store_id"),
    )
