"""What moving money, reading and checking the books need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Account, Balances, Transfer


@dataclass(frozen=True, slots=True)
class Cause:
    """What moved money, for the books: the id of a redemption, a return, a checkout; and when, by the money's clock.

    None: now, by the database.
    """

    cause_id: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A transfer as it stands in the journal; `number` has no gaps within a campaign."""

    number: int
    transfer: Transfer
    voucher_id: str | None
    cause_id: str
    occurred_at: datetime
    posted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A campaign's budget beside its journal, both as of one moment."""

    campaign_id: str
    currency: str
    budget: Budget
    transfers: int
    """How many the budget says there are."""
    counted: int
    """How many there are."""
    newest: int
    """The greatest of their numbers."""
    balances: Balances

    @property
    def missing(self) -> int:
        """Transfers that should be there and are not."""
        return max(self.transfers, self.newest) - self.counted

    @property
    def difference_cents(self) -> int:
        """How far budget and journal are apart, over all accounts; nothing in books that are right."""
        budget = self.budget
        stands = {
            Account.FUNDER: -budget.cap_cents - budget.backing_cents - budget.lost_cents,
            Account.BACKING: budget.backing_cents,
            Account.AVAILABLE: budget.available_cents,
            Account.RESERVED: budget.reserved_cents,
            Account.SPENT: budget.spent_cents,
            Account.LEASED: budget.leased_cents,
            Account.LOST: budget.lost_cents,
        }
        return sum(abs(self.balances[account] - cents) for account, cents in stands.items())

    @property
    def agree(self) -> bool:
        """Whether journal and budget tell the same to the cent, without a gap."""
        return not self.missing and not self.difference_cents


class LedgerStore(Protocol):
    """The books within one transaction."""

    async def books(self, *, campaign_id: str | None = None) -> Sequence[Books]:
        """Every campaign's, or one's, by id: what is in the journal added up to its end."""
        ...

    async def keep_sums(self, books: Sequence[Books], now: datetime) -> None:
        """Note how far these were added up, for the next time."""
        ...

    async def journal(self, campaign_id: str, *, after: int, limit: int) -> Sequence[Posted]:
        """The next transfers of a campaign behind number `after`, in order."""
        ...
