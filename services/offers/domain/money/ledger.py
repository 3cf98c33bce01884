"""The books of a campaign: money moves by transfers between accounts and in no other way, so the accounts sum to zero.

handlers decide with the functions below what a step moves; `store/money/ledger.py` posts it and moves the budget by the same sums.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Account(StrEnum):
    """Where money stands. The funder's balance is minus the budget's cap, backing and what was lost beside them; the others share these."""

    FUNDER = "funder"
    AVAILABLE = "available"
    RESERVED = "reserved"
    SPENT = "spent"
    LEASED = "leased"
    """Lent to lanes that may lose the network: what vouchers may cost there that are used elsewhere too."""
    LOST = "lost"
    """What a lane gave against its lease's rules. The funder gave it beside the cap, and nobody may spend it."""
    BACKING = "backing"
    """Money beside the cap that covers what is promised above it. `available` is never further below zero than this is above."""


class Move(StrEnum):
    """Why money moved."""

    FUND = "fund"
    """Head office set or raised a budget."""
    WITHDRAW = "withdraw"
    """It lowered one."""
    BACK = "back"
    """Head office set money aside for what is promised above the cap."""
    UNBACK = "unback"
    """It took some of that back."""
    ISSUE = "issue"
    REDEEM = "redeem"
    RELEASE = "release"
    """A voucher gave less than was reserved for it."""
    EXPIRE = "expire"
    REVOKE = "revoke"
    """It leaked: nobody may use it any more."""
    REVERSE = "reverse"
    """A redemption was taken back."""
    REOPEN = "reopen"
    """Its voucher is good again."""
    RETURN = "return"
    """Goods came back, and with them their share of what a voucher gave."""
    RETURN_UNDONE = "return_undone"
    """The return was voided: that share counts as given again."""
    LEASE = "lease"
    """A lane may give so much without a network."""
    LEASE_END = "lease_end"
    """What is left of a lease is free again."""
    LATE = "late"
    """A lane took a voucher in time, and its reserve had been returned when we heard of it: the lease pays in its place."""
    CONFLICT = "conflict"
    """A lane gave while offline what the voucher's reserve does not pay: it was used elsewhere, or revoked."""
    UNCOVERED = "uncovered"
    """It gave more than its lease had left."""
    OPENING = "opening"
    """What stood in a budget when its books were opened."""
    VOID = "void"
    """A voucher that was never told to anybody is not needed."""
    UNSTATED = "unstated"
    """The database saw a budget move without a word: a process of a release before the books."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """So many cents from one account to another. Raises ValueError for none, and within one account."""

    move: Move
    from_account: Account
    to_account: Account
    amount_cents: int

    def __post_init__(self) -> None:
        if self.amount_cents <= 0 or self.from_account is self.to_account:
            raise ValueError("a transfer moves something, somewhere else")


Balances = Mapping[Account, int]


def balances(transfers: Iterable[Transfer]) -> Balances:
    """What every account holds after these transfers; all accounts together hold nothing.

    >>> sum(balances([*funded(0, 500), *issued(120)]).values())
    0
    """
    held = dict.fromkeys(Account, 0)
    for transfer in transfers:
        held[transfer.from_account] -= transfer.amount_cents
        held[transfer.to_account] += transfer.amount_cents
    return held


def funded(before_cents: int, after_cents: int) -> list[Transfer]:
    """A budget's cap is changed."""
    if after_cents >= before_cents:
        return _moved((Move.FUND, Account.FUNDER, Account.AVAILABLE, after_cents - before_cents))
    return _moved((Move.WITHDRAW, Account.AVAILABLE, Account.FUNDER, before_cents - after_cents))


def backed(before_cents: int, after_cents: int) -> list[Transfer]:
    """What covers promises above the cap is changed."""
    if after_cents >= before_cents:
        return _moved((Move.BACK, Account.FUNDER, Account.BACKING, after_cents - before_cents))
    return _moved((Move.UNBACK, Account.BACKING, Account.FUNDER, before_cents - after_cents))


def issued(value_cents: int) -> list[Transfer]:
    """A voucher is promised: what it may cost is set aside."""
    return _moved((Move.ISSUE, Account.AVAILABLE, Account.RESERVED, value_cents))


def redeemed(*, reserved_cents: int, given_cents: int) -> list[Transfer]:
    """A reserve becomes what was really given; the rest is free again. Raises ValueError when more was given."""
    if given_cents > reserved_cents:
        raise ValueError("more was given than was reserved")
    return _moved(
        (Move.REDEEM, Account.RESERVED, Account.SPENT, given_cents),
        (Move.RELEASE, Account.RESERVED, Account.AVAILABLE, reserved_cents - given_cents),
    )


def expired(reserved_cents: int) -> list[Transfer]:
    """A voucher was not used in time: its reserve is free again."""
    return _moved((Move.EXPIRE, Account.RESERVED, Account.AVAILABLE, reserved_cents))


def revoked(reserved_cents: int) -> list[Transfer]:
    """A voucher was revoked: its reserve is free again."""
    return _moved((Move.REVOKE, Account.RESERVED, Account.AVAILABLE, reserved_cents))


def voided(reserved_cents: int) -> list[Transfer]:
    """A voucher never reached anybody: its reserve is free again."""
    return _moved((Move.VOID, Account.RESERVED, Account.AVAILABLE, reserved_cents))


def rolled_back(*, given_cents: int, again_cents: int) -> list[Transfer]:
    """A redemption is taken back, and its voucher is good for `again_cents` again."""
    return _moved(
        (Move.REVERSE, Account.SPENT, Account.AVAILABLE, given_cents),
        (Move.REOPEN, Account.AVAILABLE, Account.RESERVED, again_cents),
    )


def returned(share_cents: int) -> list[Transfer]:
    """Goods came back: their share of what a voucher gave is no longer spent."""
    return _moved((Move.RETURN, Account.SPENT, Account.AVAILABLE, share_cents))


def return_undone(share_cents: int) -> list[Transfer]:
    """Goods did not come back after all: their share is spent again."""
    return _moved((Move.RETURN_UNDONE, Account.AVAILABLE, Account.SPENT, share_cents))


def leased(cents: int) -> list[Transfer]:
    """A lane is lent so much of what is available."""
    return _moved((Move.LEASE, Account.AVAILABLE, Account.LEASED, cents))


def lease_ended(left_cents: int) -> list[Transfer]:
    """A lease is over, and this is left of it."""
    return _moved((Move.LEASE_END, Account.LEASED, Account.AVAILABLE, left_cents))


def reserved_late(cents: int) -> list[Transfer]:
    """A voucher whose reserve was returned had been taken in time by a lane: its lease sets so much aside again."""
    return _moved((Move.LATE, Account.LEASED, Account.RESERVED, cents))


def given_in_conflict(*, leased_cents: int, uncovered_cents: int) -> list[Transfer]:
    """A lane gave what no reserve pays: its lease does; what it had no right to give is the funder's loss beside the cap."""
    return _moved(
        (Move.CONFLICT, Account.LEASED, Account.SPENT, leased_cents),
        (Move.UNCOVERED, Account.FUNDER, Account.LOST, uncovered_cents),
    )


def conflict_returned(*, spent_cents: int, lost_cents: int) -> list[Transfer]:
    """Goods of such a receipt came back, or all of it was taken back: this share is no longer spent, and this one not lost."""
    return _moved(
        (Move.RETURN, Account.SPENT, Account.AVAILABLE, spent_cents),
        (Move.RETURN, Account.LOST, Account.FUNDER, lost_cents),
    )


def _moved(*steps: tuple[Move, Account, Account, int]) -> list[Transfer]:
    """The steps that move anything; raises ValueError for a negative one."""
    return [Transfer(*step) for step in steps if step[3]]
