"""What folders and views need from storage, as a protocol; store/customers.py fits it on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from services.profile.ports.rows import ConsentRow, CustomerRow, FacetRow, FoldedFacet, GrownFacet, Mark


class CustomerStore(Protocol):
    """Dirty customers and their newest views."""

    async def dirty(self, limit: int, waited_seconds: float) -> Collection[str]:
        """The own customer ids behind the oldest marks that no other folder looks at; none until the oldest has waited so long."""
        ...

    async def current_ids(self, own_customer_ids: Collection[str]) -> Collection[str]:
        """The customers that these ids stand for now."""
        ...

    async def members(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """All own ids of the customers that these ids stand for now, with those customers' ids."""
        ...

    async def lock_versions(self, current: Collection[str], superseded: Collection[str]) -> Mapping[str, int]:
        """The versions of current customers (0: never folded) and of superseded ones that still show a view.

        Locked until the commit: one folder a customer.
        """
        ...

    async def lock_facets(self, customer_ids: Collection[str]) -> Sequence[FoldedFacet]:
        """The facets of these customers as they were folded last, locked until the commit, in the order of identifiers."""
        ...

    async def take_marks(self, own_customer_ids: Collection[str]) -> Sequence[Mark]:
        """Take all marks of these ids, with what their deltas tell."""
        ...

    async def save_facets(self, grown: Collection[GrownFacet]) -> None:
        """Replace the states of locked facets."""
        ...

    async def facets(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[FacetRow]]:
        """The facets of each customer with all that is committed, folded or not."""
        ...

    async def consents(self, identifiers: Collection[str]) -> Mapping[str, Sequence[ConsentRow]]:
        """The consents by identifier."""
        ...

    async def save(self, rows: Collection[CustomerRow]) -> None:
        """Replace the views."""
        ...

    async def snapshot(self, customer_id: str) -> tuple[int, bytes] | None:
        """Version and body of the newest view."""
        ...
