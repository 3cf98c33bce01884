"""Laws of a campaign's books."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.money import ledger
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Account, Move, Transfer, balances

ENDS = {"expire": ledger.expired, "revoke": ledger.revoked}
CENTS = st.integers(1, 400)
STEPS = st.lists(
    st.tuples(st.sampled_from(["issue", "redeem", "expire", "revoke", "roll back", "return", "fund"]), CENTS),
    max_size=40,
)


@dataclass
class Campaign:
    """A budget that lives by steps, and all that was posted; vouchers are (reserved, given) pairs."""

    budget: Budget = field(default_factory=lambda: Budget(cap_cents=0))
    posted: list[Transfer] = field(default_factory=list)
    open_cents: list[int] = field(default_factory=list)
    given_cents: list[int] = field(default_factory=list)

    def step(self, kind: str, cents: int) -> None:
        transfers: Sequence[Transfer] = ()
        if kind == "fund":
            cap_cents = max(cents * 3, self.budget.exposure_cents)
            transfers = ledger.funded(self.budget.cap_cents, cap_cents)
        elif kind == "issue" and self.budget.reserve(cents):
            self.open_cents.append(cents)
            transfers = ledger.issued(cents)
        elif kind == "redeem" and self.open_cents:
            reserved = self.open_cents.pop(0)
            self.given_cents.append(min(reserved, cents))
            transfers = ledger.redeemed(reserved_cents=reserved, given_cents=min(reserved, cents))
        elif kind in ENDS and self.open_cents:
            transfers = ENDS[kind](self.open_cents.pop())
        elif kind == "return" and self.given_cents:
            share = min(self.given_cents[0], cents)
            self.given_cents[0] -= share
            transfers = ledger.returned(share)
        elif kind == "roll back" and self.given_cents:
            given = self.given_cents.pop(0)
            again = self.budget.good_again_cents(given_cents=given, value_cents=cents)
            if again:
                self.open_cents.append(again)
            transfers = ledger.rolled_back(given_cents=given, again_cents=again)
        self.posted += transfers
        self.budget = self.budget.after(transfers)


@given(STEPS)
def test_accounts_sum_to_zero_and_say_what_the_budget_says_after_every_step(steps: list[tuple[str, int]]) -> None:
    campaign = Campaign()
    for kind, cents in steps:
        campaign.step(kind, cents)
        held = balances(campaign.posted)
        assert sum(held.values()) == 0
        assert -held[Account.FUNDER] == campaign.budget.cap_cents
        assert held[Account.AVAILABLE] == campaign.budget.remaining_cents >= 0
        assert held[Account.RESERVED] == campaign.budget.reserved_cents == sum(campaign.open_cents)
        assert held[Account.SPENT] == campaign.budget.spent_cents == sum(campaign.given_cents)


@given(before=st.integers(0, 500), after=st.integers(0, 500))
def test_a_cap_is_raised_or_lowered_by_exactly_the_difference(before: int, after: int) -> None:
    budget = Budget(cap_cents=before).after(ledger.funded(before, after))
    assert budget == Budget(cap_cents=after)


def test_nothing_that_moves_nothing_is_posted() -> None:
    assert ledger.funded(5, 5) == ledger.issued(0) == ledger.returned(0) == []
    assert [transfer.move for transfer in ledger.redeemed(reserved_cents=7, given_cents=7)] == [Move.REDEEM]


@pytest.mark.parametrize("cents", [0, -1])
def test_a_transfer_of_nothing_is_none(cents: int) -> None:
    with pytest.raises(ValueError, match="moves something"):
        Transfer(Move.ISSUE, Account.AVAILABLE, Account.RESERVED, cents)


def test_more_than_was_reserved_is_never_given() -> None:
    with pytest.raises(ValueError, match="more was given"):
        ledger.redeemed(reserved_cents=5, given_cents=6)
