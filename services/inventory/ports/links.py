"""What the handlers need of storage about links between items."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.inventory.domain.closing.links import ClosingLinks, ItemLink
from services.inventory.domain.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link as its newest fact says it."""

    link: ItemLink
    cancelled: bool
    occurred_at: datetime
    event_id: str


class LinkStore(Protocol):
    """Links between items, and those that a day is closed with."""

    async def in_force(self) -> Sequence[ItemLink]:
        """All that are not cancelled, in the order of ids; others that write links wait until the commit."""
        ...

    async def keep(self, row: LinkRow) -> None:
        """Keep what is newer than what is known."""
        ...

    async def of_close(self, day: int) -> ClosingLinks:
        """Those that the day was opened with."""
        ...

    async def claim(self, day: int, item_ids: Sequence[str]) -> Sequence[str]:
        """Of these items those whose day is not closed, locked until the commit."""
        ...

    async def open_commands(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Command]]:
        """What was asked for of these items and is not over."""
        ...

    async def learned(self, links: Sequence[ItemLink]) -> None:
        """What a close learned of links: the day of handing over, and the sums of substitutes."""
        ...


class LinkedStores(Protocol):
    """The part of a transaction's store that holds links."""

    @property
    def links(self) -> LinkStore:
        """Links between items."""
        ...
