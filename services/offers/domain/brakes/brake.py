"""Brakes: what is stopped, by whom and why; asked before anything is promised."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

HEAD_OFFICE = "*"
"""Whose key is bound to no store."""


class Scope(StrEnum):
    """How much a brake stops."""

    CHAIN = "chain"
    STORE = "store"
    CAMPAIGN = "campaign"


class PulledFor(StrEnum):
    """Why a brake was pulled: by a person, or by a rule that tripped. What a later rule finds (a negative lift) is one more."""

    PERSON = "person"
    PROMISED_RATE = "promised-rate"
    """Vouchers were issued for more money a minute than the bound."""
    GIVEN_RATE = "given-rate"
    """Redemptions gave more money a minute than the bound."""
    REFUSED_RATIO = "refused-ratio"
    """Too many of the campaign's vouchers were refused at tills."""
    LOST_RATIO = "lost-ratio"
    """Too many answers came too late, or nobody knows what became of them: their vouchers may exist without anybody having them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is stopped. `entity_id` is the store's or campaign's id, empty for the chain."""

    scope: Scope
    entity_id: str = ""

    @property
    def token(self) -> str:
        """Its one name."""
        return f"{self.scope}:{self.entity_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """A brake as it was pulled. `redemptions`: vouchers that were printed are refused too, else they stay good."""

    brake_id: str
    target: Target
    redemptions: bool
    pulled_for: PulledFor
    reason: str
    pulled_by: str
    of_store: str = HEAD_OFFICE
    """The store that whoever pulled it belongs to."""

    def is_again(self, known: "Brake") -> bool:
        """Whether it asks for what was asked before."""
        return (self.target, self.redemptions, self.reason) == (known.target, known.redemptions, known.reason)

    def may_be_released_by(self, of_store: str) -> bool:
        """Whether somebody of this store may: head office always, a store what it pulled itself."""
        return of_store in {HEAD_OFFICE, self.of_store}


@dataclass(frozen=True, slots=True)
class Brakes:
    """The brakes in force, as far as whoever holds this knows.

    >>> Brakes.of(["store:7"]).stops("milk-10", "7"), Brakes.of(["store:7"]).stops("milk-10", "8")
    (True, False)
    """

    tokens: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tokens: Iterable[str] | None) -> "Brakes":
        """From the tokens of their targets; None is none."""
        return cls(frozenset(tokens)) if tokens else NO_BRAKES

    def stops(self, campaign_id: str, store_id: str) -> bool:
        """Whether this campaign may promise nothing in this store."""
        if not self.tokens:
            return False
        return not self.tokens.isdisjoint(
            (f"{Scope.CHAIN}:", f"{Scope.STORE}:{store_id}", f"{Scope.CAMPAIGN}:{campaign_id}")
        )


NO_BRAKES = Brakes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A brake was released."""

    by: str
    reason: str
    at: datetime
