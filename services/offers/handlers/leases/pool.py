"""The leased vouchers that one process has in hand."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.leases import Lease


class LeasePool:
    """By campaign and category; what was taken never comes back by itself."""

    def __init__(self) -> None:
        self._free: dict[tuple[str, str], deque[Lease]] = {}
        self.whole = False
        """Whether it has all that the database says is ours and free."""

    def __len__(self) -> int:
        return sum(map(len, self._free.values()))

    def __bool__(self) -> bool:
        return any(self._free.values())

    def __iter__(self) -> Iterator[Lease]:
        return (lease for leases in self._free.values() for lease in leases)

    def categories(self, now: datetime) -> Mapping[str, Sequence[str]]:
        """The categories that there are leases for now, by campaign."""
        found: dict[str, list[str]] = {}
        for (campaign_id, category), leases in self._free.items():
            if leases and now < leases[-1].leased_until:
                found.setdefault(campaign_id, []).append(category)
        return found

    def put(self, leases: Iterable[Lease]) -> None:
        """Add leases, newer ones last."""
        for lease in leases:
            self._free.setdefault((lease.campaign_id, lease.category), deque()).append(lease)

    def take(self, campaign_id: str, category: str, terms: Terms, currency: str, now: datetime) -> Lease | None:
        """One that is worth just this and not over, or None; nobody else gets it."""
        leases = self._free.get((campaign_id, category))
        if not leases or not leases[-1].promises(terms, currency) or now >= leases[-1].leased_until:
            return None
        return leases.pop()

    def withdraw(self, unwanted: Callable[[Lease], bool]) -> Sequence[Lease]:
        """Take out all that are unwanted."""
        found = [lease for lease in self if unwanted(lease)]
        gone = {lease.voucher_id for lease in found}
        for key, leases in self._free.items():
            self._free[key] = deque(lease for lease in leases if lease.voucher_id not in gone)
        return found
