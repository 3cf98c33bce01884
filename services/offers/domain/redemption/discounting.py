"""What a receipt's lines still cost while one voucher after the other comes off; used by the solver in domain/redemption/stacking.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from libs.common.money import allocate_cents
from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.stacking_rules import Stacking, StackingRules
from services.offers.domain.vouchers.voucher import (
    Basket,
    BasketLine,
    Given,
    GivenLine,
    NotRedeemed,
    Voucher,
    fits,
    redeem,
)


class NotStacked(StrEnum):
    """Why a voucher that would be good by itself gives nothing on this receipt: an outcome, told to the till and kept."""

    EXCLUDED_BY = "excluded-by"
    GROUP_FULL = "group-full"
    RECEIPT_FULL = "receipt-full"
    BELOW_THRESHOLD = "below-threshold"
    FLOOR_PRICE = "floor-price"
    GREATEST_TOTAL = "greatest-total"
    NOTHING_LEFT = "nothing-left"
    WORTH_LESS = "worth-less"
    NOT_ALL = "not-all"


Refusal = NotRedeemed | NotStacked
_ANY = Stacking()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A voucher that is presented, with what its campaign says."""

    voucher: Voucher
    stacking: Stacking = _ANY
    by_retailer: bool = True
    """Whether the retailer pays for it."""
    minimum_basket_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A voucher that was redeemed on this receipt before."""

    voucher_id: str
    stacking: Stacking
    lines: Sequence[GivenLine]


@dataclass(frozen=True, slots=True)
class Left:
    """What is left after some vouchers: what each line costs, what may still come off it, and off the receipt."""

    prices: tuple[int, ...]
    rooms: tuple[int, ...]
    total_cents: int


class Receipt:
    """One basket under one set of rules; the vouchers redeemed on it before have come off already."""

    def __init__(
        self,
        basket: Basket,
        items: Mapping[str, Item],
        rules: StackingRules,
        earlier: Sequence[Earlier],
        now: datetime,
    ) -> None:
        self._basket = basket
        self._items = items
        self._now = now
        self._place_of = {line.line_no: place for place, line in enumerate(basket.lines)}
        self._cache: dict[tuple[str, Left], tuple[Given, Left] | Refusal] = {}
        self._goods: dict[str, list[tuple[int, BasketLine]]] = {}
        self.worth_cents = max(0, sum(line.amount_cents for line in basket.lines))
        """What the receipt comes to before any voucher: goods less what the customer brings back with it."""
        self.left = self._opening(rules, earlier)

    def take(self, shown: Shown, left: Left) -> tuple[Given, Left] | Refusal:
        """What the voucher gives on what is left, and what is left then, or why nothing."""
        key = (shown.voucher.voucher_id, left)
        if key not in self._cache:
            self._cache[key] = self._take(shown, left)
        return self._cache[key]

    def unbound(self, shown: Shown) -> int:
        """What the voucher would give at most, on whatever is left later: less is never worth more to it."""
        outcome = redeem(shown.voucher, self._goods_at(shown.voucher, self.left.prices), self._items, self._now)
        return outcome.given_cents if isinstance(outcome, Given) else 0

    def _take(self, shown: Shown, left: Left) -> tuple[Given, Left] | Refusal:
        outcome = redeem(shown.voucher, self._goods_at(shown.voucher, left.prices), self._items, self._now)
        if isinstance(outcome, NotRedeemed):
            return outcome
        if self.worth_cents < shown.minimum_basket_cents:
            return NotStacked.BELOW_THRESHOLD
        places = [self._place_of[line.line_no] for line in outcome.lines]
        rooms = [left.rooms[place] for place in places]
        wanted = [line.discount_cents for line in outcome.lines]
        shares = _within(wanted, rooms, spreads=shown.voucher.terms.kind == "amount")
        off_lines_cents = outcome.given_cents - sum(wanted)
        if not sum(shares) + off_lines_cents:
            return NotStacked.FLOOR_PRICE if left.total_cents else NotStacked.GREATEST_TOTAL
        if sum(shares) + off_lines_cents > left.total_cents:
            off_lines_cents = min(off_lines_cents, left.total_cents)
            shares = _cut(shares, left.total_cents - off_lines_cents)
        given_cents = sum(shares) + off_lines_cents
        if not given_cents:
            return NotStacked.GREATEST_TOTAL
        lines = tuple(
            GivenLine(line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, discount_cents=cents)
            for line, cents in zip(outcome.lines, shares, strict=True)
            if cents
        )
        prices, rooms_after = list(left.prices), list(left.rooms)
        for place, cents in zip(places, shares, strict=True):
            prices[place] -= cents
            rooms_after[place] -= cents
        return Given(given_cents, lines), Left(tuple(prices), tuple(rooms_after), left.total_cents - given_cents)

    def _goods_at(self, voucher: Voucher, prices: Sequence[int]) -> Basket:
        """What of the basket the voucher is for, at these prices: a search asks it thousands of times."""
        if voucher.voucher_id not in self._goods:
            self._goods[voucher.voucher_id] = [
                (place, line)
                for place, line in enumerate(self._basket.lines)
                if fits(voucher, self._items.get(line.item_id))
            ]
        lines = [
            line
            if line.amount_cents == prices[place]
            else BasketLine(
                line_no=line.line_no,
                item_id=line.item_id,
                quantity=line.quantity,
                amount_cents=prices[place],
                weighed=line.weighed,
            )
            for place, line in self._goods[voucher.voucher_id]
        ]
        return replace(self._basket, lines=lines)

    def _opening(self, rules: StackingRules, earlier: Sequence[Earlier]) -> Left:
        """The basket less what came off it before: each share off its own line, else off lines of the same item."""
        lines = self._basket.lines
        prices = [line.amount_cents for line in lines]
        taken = [line for each in earlier for line in each.lines]
        elsewhere = [(line, line.discount_cents - self._take_off(prices, line, same_line=True)) for line in taken]
        for line, cents in elsewhere:
            self._take_off(prices, replace(line, discount_cents=cents), same_line=False)
        rooms = [
            max(
                0,
                price
                - rules.floor_cents(
                    line.item_id, self._category(line.item_id), line.amount_cents, line.quantity, self._basket.currency
                ),
            )
            for line, price in zip(lines, prices, strict=True)
        ]
        goods_cents = sum(max(0, line.amount_cents) for line in lines)
        greatest_cents = rules.greatest_total(goods_cents, self._basket.currency)
        total_cents = max(0, greatest_cents - sum(line.discount_cents for line in taken))
        return Left(tuple(prices), tuple(rooms), total_cents)

    def _take_off(self, prices: list[int], given: GivenLine, *, same_line: bool) -> int:
        taken_cents = 0
        for place, line in enumerate(self._basket.lines):
            if line.item_id != given.item_id or (same_line and line.line_no != given.line_no):
                continue
            cents = min(max(0, prices[place]), given.discount_cents - taken_cents)
            prices[place] -= cents
            taken_cents += cents
        return taken_cents

    def _category(self, item_id: str) -> str | None:
        item = self._items.get(item_id)
        return item.category if item else None


def _within(wanted: Sequence[int], rooms: Sequence[int], *, spreads: bool) -> list[int]:
    """What each line gets of what a voucher wants to give it. A sum off spreads what one line has no room for over the others."""
    shares = [min(cents, room) for cents, room in zip(wanted, rooms, strict=True)]
    if spreads:
        over_cents = sum(wanted) - sum(shares)
        for place, room in enumerate(rooms):
            more_cents = min(over_cents, room - shares[place])
            shares[place] += more_cents
            over_cents -= more_cents
    return shares


def _cut(shares: Sequence[int], total_cents: int) -> list[int]:
    """The shares made smaller in proportion, down to the total."""
    return allocate_cents(total_cents, shares) if sum(shares) > total_cents else list(shares)
