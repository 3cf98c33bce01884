"""How simulated shoppers react to vouchers: a small seeded model, SYNTHETIC; the play asks it at every basket.

The baskets are real, the vouchers are not: nobody in the data set ever held one. So two things are told apart.
Relevance: the next real basket holds the voucher's category anyway; a coincidence, the voucher caused nothing.
Uplift: with a small chance the shopper buys something because of the voucher; that line is made up and marked so.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

CHANCE_RATIO = 0.02
"""Of any voucher to be acted on at one visit."""
PERSONAL_CHANCE_RATIO = 0.04
"""More, if it was chosen for this customer (tier 0)."""
CHANCE_PER_EURO_RATIO = 0.02
"""More, per 100 minor units of its greatest value."""
GREATEST_CHANCE_RATIO = 0.25
WALLET_VOUCHERS = 12
"""A shopper keeps so many; the oldest get lost."""


class Why(StrEnum):
    """Why a voucher is handed in."""

    RELEVANCE = "relevance"
    UPLIFT = "uplift"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVoucher:
    """A printed voucher in somebody's pocket."""

    voucher_id: str
    code: str
    category: str | None
    item_ids: tuple[str, ...]
    greatest_value_cents: int
    tier: int
    valid_from: datetime
    expires_at: datetime

    @classmethod
    def of(cls, printed: Mapping[str, Any], tier: int) -> Self:
        """The voucher as a checkout's answer describes it; raises KeyError or ValueError when the answer is another."""
        return cls(
            voucher_id=printed["voucher_id"],
            code=printed["code"],
            category=printed.get("category"),
            item_ids=tuple(printed.get("item_ids") or ()),
            greatest_value_cents=printed["greatest_value_cents"],
            tier=tier,
            valid_from=datetime.fromisoformat(printed["valid_from"]),
            expires_at=datetime.fromisoformat(printed["expires_at"]),
        )

    def is_for(self, item_id: str, category: str | None) -> bool:
        """Whether it covers an item of that category."""
        return item_id in self.item_ids if self.item_ids else category is not None and category == self.category


@dataclass(frozen=True, slots=True)
class Reaction:
    """A voucher that is handed in, and the item that is bought only because of it (uplift), if any."""

    voucher: HeldVoucher
    why: Why
    added_item_id: str | None = None


@dataclass(slots=True)
class Shoppers:
    """All shoppers' vouchers and decisions. The same seed, vouchers and baskets give the same reactions in any order.

    `categories` maps item to category, `favourites` category to the item that is added from it.
    """

    seed: int
    categories: Mapping[str, str]
    favourites: Mapping[str, str]
    _wallets: dict[str, dict[str, HeldVoucher]] = field(default_factory=dict)

    def receive(self, customer_id: str, vouchers: Sequence[HeldVoucher]) -> None:
        """Put printed vouchers into the customer's wallet."""
        wallet = self._wallets.setdefault(customer_id, {})
        for voucher in vouchers:
            wallet[voucher.voucher_id] = voucher
        while len(wallet) > WALLET_VOUCHERS:
            del wallet[next(iter(wallet))]

    def react(self, customer_id: str, basket_id: str, item_ids: Sequence[str], at: datetime) -> list[Reaction]:
        """What the customer hands in at this basket, at most one voucher per category; those leave the wallet."""
        wallet = self._wallets.get(customer_id, {})
        reactions: list[Reaction] = []
        used: set[str | None] = set()
        for voucher in sorted(wallet.values(), key=lambda held: held.voucher_id):
            if not voucher.valid_from <= at < voucher.expires_at:
                continue
            reaction = self._reaction(voucher, basket_id, item_ids)
            if reaction is not None and voucher.category not in used:
                used.add(voucher.category)
                reactions.append(reaction)
        for reaction in reactions:
            del wallet[reaction.voucher.voucher_id]
        self._throw_away(wallet, at)
        return reactions

    def _reaction(self, voucher: HeldVoucher, basket_id: str, item_ids: Sequence[str]) -> Reaction | None:
        if any(voucher.is_for(item_id, self.categories.get(item_id)) for item_id in item_ids):
            return Reaction(voucher, Why.RELEVANCE)
        wanted = self._wanted(voucher)
        drawn = random.Random(f"{self.seed}:{voucher.voucher_id}:{basket_id}").random()
        if wanted is None or drawn >= chance_ratio(voucher):
            return None
        return Reaction(voucher, Why.UPLIFT, wanted)

    def _wanted(self, voucher: HeldVoucher) -> str | None:
        """What would be bought because of it: of its items one that we know the price of, else the category's favourite."""
        if voucher.item_ids:
            return next((item_id for item_id in voucher.item_ids if item_id in self.categories), None)
        return self.favourites.get(voucher.category or "")

    def _throw_away(self, wallet: dict[str, HeldVoucher], at: datetime) -> None:
        for voucher in [held for held in wallet.values() if held.expires_at + timedelta(days=1) <= at]:
            del wallet[voucher.voucher_id]


def chance_ratio(voucher: HeldVoucher) -> float:
    """The chance that a shopper buys at one visit because of this voucher."""
    personal = PERSONAL_CHANCE_RATIO if voucher.tier == 0 else 0.0
    value = CHANCE_PER_EURO_RATIO * voucher.greatest_value_cents / 100
    return min(GREATEST_CHANCE_RATIO, CHANCE_RATIO + personal + value)
