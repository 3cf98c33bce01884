"""What a transfer by the learned rule was decided on, in figures for its explanation; used by rerouting.py."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.inventory.domain.commands.basis import Lasting
from services.inventory.domain.learning.chances import GREATEST_UNITS, Span, span_of
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import Position, Supply
from services.inventory.domain.learning.transfers import Board
from services.inventory.domain.transfers.transfer import Transfer


def tell(
    transfers: Sequence[Transfer], plans: Plans, supply: Supply, position: Position, board: Board
) -> Sequence[Transfer]:
    """The transfers with what both sides expect, and the chances of the first and the last piece on the board."""
    span = span_of(plans, supply, position)
    told, given = [], dict[int, int]()
    for one in transfers:
        giver = _lasting(one.donor, plans, span, board)
        begun = given.get(one.donor, 0)
        given[one.donor] = begun + one.units
        told.append(
            replace(
                one,
                getter=_lasting(one.receiver, plans, span, board),
                giver=replace(giver, have_units=giver.have_units - begun),
                first_chance=_chance(one.receiver, 0, board),
                last_chance=_chance(one.receiver, one.units - 1, board),
                piece_cents=float(board.loss_cents[one.receiver]),
            )
        )
    return told


def _chance(row: int, more: int, board: Board) -> float:
    """How probable it is that so many units more than there are do not suffice."""
    return float(board.missing[np.clip(board.have[row] + more, 0, GREATEST_UNITS), row])


def _lasting(row: int, plans: Plans, span: Span, board: Board) -> Lasting:
    """A store's side. Where less than a whole unit comes on the way, the rule counts until then only (chances.py)."""
    first, more = int(span.first[row]), int(span.more[row])
    days = max(int(span.replaced[row]) - 1, 1) if more else first
    sooner, asked = (_demand(row, ahead, plans) for ahead in (first, days))
    excess = float(plans.spread.over(np.full(len(span.first), days))[row])
    return Lasting(
        days=days,
        asked_units=asked,
        spread_units=(asked + excess * asked * asked) ** 0.5,
        have_units=int(board.have[row]),
        until_day=plans.day + 1 + days,
        more_units=more,
        more_day=plans.day + 1 + first if first < int(span.replaced[row]) - 1 else None,
        sooner_units=sooner if more else 0.0,
    )


def _demand(row: int, days: int, plans: Plans) -> float:
    until = np.full(len(plans.demand.rate), days)
    return float(plans.demand.over(np.ones_like(until), until)[row])
