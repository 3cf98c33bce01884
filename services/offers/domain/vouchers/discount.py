"""What a promise takes off goods, to the cent and by line: asked by `domain/vouchers/voucher.py` alone.

Money is counted by the piece. A line of n pieces is n prices in whole cents that differ by one at most and add up to
the line; what is sold by weight or measure is one piece, whatever it weighs. Whatever is not whole is rounded down, once.
Of several ways to choose pieces the one that gives most counts, so more goods never give less.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from itertools import islice, repeat
from typing import NamedTuple

from services.offers.domain.campaigns.terms import (
    WHOLE_PERCENT,
    AmountOff,
    Bundle,
    BuyGet,
    FixedPrice,
    FreeItem,
    PercentOff,
    Promise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """One line that a promise may take something off."""

    category: str
    quantity: Decimal
    amount_cents: int
    weighed: bool = False
    """Sold by weight or measure, or in parts of a piece."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What comes off, and by which weights it is to be shared: one a line, none above its amount, together no less."""

    discount_cents: int
    weights: tuple[int, ...]


class _Run(NamedTuple):
    """So many pieces of a line that cost the same."""

    cents: int
    pieces: int
    line: int


_Piece = tuple[int, int]
"""What it costs, or saves; its line."""


def worth(promise: Promise, goods: Sequence[Goods]) -> Worth:
    """What the promise is worth on these lines, before what its voucher is good for at most."""
    amounts = tuple(line.amount_cents for line in goods)
    match promise:
        case AmountOff():
            return Worth(min(promise.amount_cents, sum(amounts)), amounts)
        case PercentOff():
            return Worth(sum(amounts) * promise.percent // WHOLE_PERCENT, amounts)
        case FixedPrice():
            return _spread(_dearest(_savings(goods, promise.price_cents), promise.pieces), len(goods))
        case FreeItem():
            return _spread(_dearest(_prices(goods), promise.pieces), len(goods))
        case BuyGet():
            return _buy_get(promise, goods)
        case Bundle():
            return _bundle(promise, goods)


def _buy_get(promise: BuyGet, goods: Sequence[Goods]) -> Worth:
    """Shared by all pieces of the sets: who returns one that was paid gives back a part too."""
    size = promise.buy + promise.get
    pieces = _dearest(_prices(goods), size * promise.sets)
    sets = [pieces[at : at + size] for at in range(0, len(pieces) - size + 1, size)]
    cheapest_cents = sum(cents for each in sets for cents, _ in each[promise.buy :])
    whole = _spread([piece for each in sets for piece in each], len(goods))
    return Worth(cheapest_cents * promise.percent // WHOLE_PERCENT, whole.weights)


def _bundle(promise: Bundle, goods: Sequence[Goods]) -> Worth:
    runs = _prices(goods)
    pools = []
    for part in promise.parts:
        mine = [run for run in runs if goods[run.line].category == part.category]
        pool = _dearest(mine, part.pieces * promise.sets)
        pools.append([pool[at : at + part.pieces] for at in range(0, len(pool) - part.pieces + 1, part.pieces)])
    discount_cents, members = 0, []
    for parts in zip(*pools, strict=False):  # as many sets as the rarest part allows
        one = [piece for part in parts for piece in part]
        saved_cents = sum(cents for cents, _ in one) - promise.price_cents
        if saved_cents > 0:
            discount_cents += saved_cents
            members += one
    return Worth(discount_cents, _spread(members, len(goods)).weights)


def _prices(goods: Sequence[Goods]) -> list[_Run]:
    """What each piece costs."""
    runs = []
    for line, each in enumerate(goods):
        if each.weighed or each.quantity != each.quantity.to_integral_value():
            runs.append(_Run(each.amount_cents, 1, line))
            continue
        count = int(each.quantity)
        cents, more = divmod(each.amount_cents, count)
        runs += [_Run(cents + 1, more, line), _Run(cents, count - more, line)]
    return runs


def _savings(goods: Sequence[Goods], price_cents: int) -> list[_Run]:
    """What each piece costs above a price."""
    runs = []
    for run in _prices(goods):
        line = goods[run.line]
        by_measure = line.weighed or line.quantity != line.quantity.to_integral_value()
        due = price_cents * (line.quantity if by_measure else Decimal(1))
        saved_cents = int((Decimal(run.cents) - due).to_integral_value(ROUND_DOWN))
        if saved_cents > 0:
            runs.append(_Run(saved_cents, run.pieces, run.line))
    return runs


def _dearest(runs: Iterable[_Run], most: int) -> list[_Piece]:
    """The first `most` pieces, dearest first; of equals those of the line that stands first."""
    ordered = sorted(runs, key=lambda run: (-run.cents, run.line))
    return list(islice((piece for run in ordered for piece in repeat((run.cents, run.line), run.pieces)), most))


def _spread(pieces: Iterable[_Piece], lines: int) -> Worth:
    """The sum of the pieces, each on its own line."""
    weights = [0] * lines
    for cents, line in pieces:
        weights[line] += cents
    return Worth(sum(weights), tuple(weights))
