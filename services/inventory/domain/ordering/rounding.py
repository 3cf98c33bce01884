"""Turns a shortage into whole packs within hard limits: one rounding rule, stated once; called when an order is decided.

The rule, in this order:

1. Nothing while the position is at or above the trigger.
2. Whole packs, rounded up, until the aim (order-up-to level) is reached: the last pack may pass the aim by less than itself.
3. At least `least_packs`; then a layer that is begun by `layer_from_ratio` or more is completed (0: whole layers only).
4. A bound (shelf capacity, a stated maximum) is never passed, by no pack: what does not fit is cut, to whole layers where only
   whole ones may be ordered. If less than `least_packs` is left, nothing is ordered and the reason is said.
5. No order asks for more than a command can say (`GREATEST_MILLI`, `GREATEST_PACKS`): a till that sold a billion has mistyped.

So an aim may be passed and a bound may not. Quantities in thousandths.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.inventory.domain.measure import GREATEST_MILLI

GREATEST_PACKS = 10**9


class NotOrdered(StrEnum):
    """Why a shelf that is short gets nothing."""

    NO_ROOM = "no-room"
    """Not even the least order fits under the bound."""

    WAITS_FOR_REVIEW = "waits-for-review"
    """Its policy orders on other days."""

    MANUAL = "manual"
    """A person orders it."""

    WOULD_SPOIL = "would-spoil"
    """A pack more would waste more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLimits:
    """What every order line of a shelf must keep to."""

    pack_milli: int
    least_packs: int = 1
    layer_packs: int = 1
    layer_from_ratio: float = 0.75
    """How much of a layer must be wanted for the rest of it to be added; 0: only whole layers, above 1: never."""
    bound_milli: int | None = None
    """What the shelf and all that is on its way may come to at most."""

    @property
    def whole_layers_only(self) -> bool:
        """Whether a layer is never broken."""
        return self.layer_packs > 1 and self.layer_from_ratio <= 0


@dataclass(frozen=True, slots=True)
class Sized:
    """Packs to order; where they are 0 although the shelf is short, why."""

    packs: int
    reason: NotOrdered | None = None


NOTHING_DUE = Sized(0)


def size_order(position_milli: int, trigger_milli: int, aim_milli: int, limits: OrderLimits) -> Sized:
    """The packs to order now, by the rule above.

    Packs of 6 up to an aim of 10, from 3: two packs, which pass the aim. A bound of 10 cuts them to one; one of 8 leaves none.

    >>> size_order(3_000, 4_000, 10_000, OrderLimits(pack_milli=6_000))
    Sized(packs=2, reason=None)
    >>> size_order(3_000, 4_000, 10_000, OrderLimits(pack_milli=6_000, bound_milli=10_000))
    Sized(packs=1, reason=None)
    >>> size_order(3_000, 4_000, 10_000, OrderLimits(pack_milli=6_000, bound_milli=8_000)).reason.value
    'no-room'
    """
    if position_milli >= trigger_milli:
        return NOTHING_DUE
    wanted = max(-((position_milli - aim_milli) // limits.pack_milli), limits.least_packs, 1)
    packs = min(_completed(wanted, limits), GREATEST_PACKS, GREATEST_MILLI // limits.pack_milli)
    if limits.bound_milli is not None:
        packs = min(packs, max((limits.bound_milli - position_milli) // limits.pack_milli, 0))
        if limits.whole_layers_only:
            packs -= packs % limits.layer_packs
    if packs < max(limits.least_packs, 1):
        return Sized(0, NotOrdered.NO_ROOM)
    return Sized(packs)


def _completed(packs: int, limits: OrderLimits) -> int:
    """With the layer completed where it is begun far enough."""
    begun = packs % limits.layer_packs
    if begun and begun >= limits.layer_from_ratio * limits.layer_packs:
        return packs + limits.layer_packs - begun
    return packs
