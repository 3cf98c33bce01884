"""Moves units between the stores of an item where that spares clearly more than it costs; called after the close.

Symbols: S what a shelf has tomorrow morning, D its demand until its next supply, l what a lost unit costs. One unit more spares l P,
P the chance that a unit is missing before an order placed from now on could make up for it: P(D > S) until what is on its way
arrives, and the same with that on the shelf until the next order does. A donor loses the same for what it gives. A unit moved also
changes when it is replaced: it is held for as many days more as the receiver's next order comes later than the donor's.

Units move where the loss spared, less the donor's, less what holding changes, exceeds `hurdle` times the cost of moving, and only to a
shelf where waiting for tomorrow costs more than moving: its loss before a later transfer could come exceeds a transfer's line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.chances import (
    GREATEST_UNITS,
    missing_chances,
    soon_missed,
    span_of,
    whole_units,
)
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.exchange import Exchanges
from services.inventory.domain.learning.facts import (
    BoolArray,
    FloatArray,
    IntArray,
    Position,
    Rules,
    Shelves,
    Supply,
)

GREATEST_MOVE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """`units` from one row to another of the same item, and what it spares and costs in minor units."""

    donor: int
    receiver: int
    units: int
    saved_cents: float
    donor_loss_cents: float
    hold_cents: float
    """What holding costs more; negative where the move lets the chain hold less."""

    cost_cents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All rows as the rule sees them; `sent` and `got` grow with the moves."""

    have: IntArray
    free: IntArray
    missing: FloatArray
    """P that one unit more would be sold, by what a shelf has (rows)."""

    loss_cents: FloatArray
    hold_cents: FloatArray
    soon_cents: FloatArray
    order_days: IntArray
    room: IntArray
    sent: IntArray
    got: IntArray


def plan_transfers(shelves: Shelves, board: Board, rules: Rules) -> Sequence[Move]:
    """The transfers that pass the hurdle, item by item, neediest shelf first, one donor each; none costs more than it spares.

    What is moved is noted on the board: another plan begins with another board.
    """
    item_of = shelves.item_of
    needy = np.flatnonzero(board.soon_cents > rules.transfer_line_cents)
    order = needy[np.lexsort((needy, -board.soon_cents[needy], item_of[needy]))]
    moves: list[Move] = []
    for receiver in order.tolist():
        rows = shelves.rows(int(item_of[receiver]))
        gives = (board.free[rows] > board.sent[rows]) & (board.got[rows] == 0)
        gives[receiver - rows.start] = False
        donors = np.flatnonzero(gives) + rows.start
        if not donors.size or board.sent[receiver]:
            continue
        move = _best(board, donors, receiver, rules)
        if move is not None:
            moves.append(move)
            board.sent[move.donor] += move.units
            board.got[receiver] += move.units
    return moves


def what_could_move(board: Board, rules: Rules) -> tuple[Exchanges, FloatArray]:
    """All that the rule above may choose from in one item, at its prices: stores in need on one side, the others on the other.

    What holding changes is the receiver's days less the donor's: it is taken off both sides, and returned per unit of each row.
    """
    held = board.hold_cents * board.order_days
    needy = board.soon_cents > rules.transfer_line_cents
    units, most = np.arange(GREATEST_MOVE), GREATEST_MOVE * int(needy.sum())
    saved, lost = {}, {}
    for row in range(len(needy)):
        if needy[row]:
            here = np.clip(board.have[row] + units[: board.room[row]], 0, GREATEST_UNITS)
            saved[row] = board.loss_cents[row] * board.missing[here, row] - held[row]
        elif board.free[row] > 0:
            left = np.clip(board.have[row] - 1 - np.arange(min(int(board.free[row]), most)), 0, GREATEST_UNITS)
            lost[row] = board.loss_cents[row] * board.missing[left, row] - held[row]
    could = Exchanges(
        saved=saved,
        lost=lost,
        unit_cost=rules.hurdle_ratio * rules.transfer_unit_cents,
        line_cost=rules.hurdle_ratio * rules.transfer_line_cents,
    )
    return could, held


def are_in_need(
    places: IntArray, shelves: Shelves, plans: Plans, supply: Supply, position: Position, rules: Rules
) -> BoolArray:
    """Of these rows, which ones lose more before a later transfer could come than a transfer's line costs: nothing moves to others.

    Much cheaper than a board, for the many items of which no row is in need.
    """
    span = span_of(plans, supply, position)
    lost = soon_missed(plans, span, position, places)
    found: BoolArray = lost * (rules.lost_ratio * rules.prices(shelves.price_cents[places])) > rules.transfer_line_cents
    return found


def board_of(shelves: Shelves, plans: Plans, supply: Supply, position: Position, rules: Rules) -> Board:
    """All rows as the rule sees them, nothing moved yet."""
    prices = rules.prices(shelves.price_cents)
    span = span_of(plans, supply, position)
    have = whole_units(position)
    loss = rules.lost_ratio * prices
    if position.served_else is not None:
        loss = loss * (1 - position.served_else)
    return Board(
        have=have,
        free=given(position),
        missing=missing_chances(plans, span),
        loss_cents=loss,
        hold_cents=rules.hold_ratio * prices,
        soon_cents=soon_missed(plans, span, position, np.arange(len(have))) * loss,
        order_days=span.replaced,
        room=np.full(len(have), GREATEST_MOVE) if position.room is None else np.maximum(position.room, 0),
        sent=np.zeros(len(have), dtype=np.int64),
        got=np.zeros(len(have), dtype=np.int64),
    )


def given(position: Position) -> IntArray:
    """What each row may give."""
    free: IntArray = np.floor(position.free).astype(np.int64)
    return free if position.lasting is None else np.minimum(free, position.lasting)


def _best(board: Board, donors: IntArray, receiver: int, rules: Rules) -> Move | None:
    """The donor and quantity that gain most for this receiver, or None where none passes the hurdle; ties to the first store."""
    free = (board.free - board.sent)[donors]
    most = min(int(free.max()), GREATEST_MOVE)
    units = np.arange(1, most + 1)
    here = np.clip(board.have[receiver] + units - 1, 0, GREATEST_UNITS)
    there = np.clip((board.have - board.sent)[donors][:, None] - units, 0, GREATEST_UNITS)
    saved = np.cumsum(board.loss_cents[receiver] * board.missing[here, receiver])
    lost = np.cumsum(board.loss_cents[donors][:, None] * board.missing[there, donors[:, None]], axis=1)
    longer = (board.order_days[receiver] - board.order_days[donors])[:, None]
    hold = board.hold_cents[receiver] * longer * units
    cost = rules.transfer_line_cents + rules.transfer_unit_cents * units
    fair = (units <= free[:, None]) & (units <= board.room[receiver]) & (saved - lost > cost)
    gain = np.where(fair, saved - lost - hold - rules.hurdle_ratio * cost, -np.inf)
    row, column = divmod(int(np.argmax(gain)), most)
    if gain[row, column] <= 0:
        return None
    return Move(
        donor=int(donors[row]),
        receiver=receiver,
        units=column + 1,
        saved_cents=float(saved[column]),
        donor_loss_cents=float(lost[row, column]),
        hold_cents=float(hold[row, column]),
        cost_cents=float(cost[column]),
    )
