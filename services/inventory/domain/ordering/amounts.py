"""How much one short shelf is ordered now: its class, its limits and the rounding rule together; used by the review's decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.inventory.domain.catalog import ItemFacts, Lane, ShelfFacts
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.ordering.rounding import NOTHING_DUE, NotOrdered, OrderLimits, Sized, size_order
from services.inventory.domain.policies.classes import (
    NO_CLASS,
    ItemClass,
    Manual,
    MinMax,
    Newsvendor,
    OrderMultiples,
    PeriodicReview,
    PolicyBook,
    ServiceTarget,
    orders_on,
)

_UNIT = 1000
_WHOLE_LAYERS = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortShelf:
    """One shelf and where it stands."""

    facts: ItemFacts
    store_id: str
    rate: float
    position_milli: int
    trigger_milli: int
    aim_milli: int
    shelf: ShelfFacts
    lane: Lane


@dataclass(frozen=True, slots=True)
class Due:
    """What to order, by which limits and under which class (None: as learned)."""

    sized: Sized
    limits: OrderLimits
    by_class: ItemClass | None
    spoils: bool = False
    """Whether packs were left out because they would waste more than they save (perishing.py)."""


def order_due(shelf: ShortShelf, now: datetime, book: PolicyBook) -> Due:
    """The packs that are due now, and why none are where the shelf is short but may not be ordered."""
    found = book.of(shelf.facts, shelf.rate)
    limits = limits_of(shelf, found)
    if shelf.position_milli >= shelf.trigger_milli:
        return Due(NOTHING_DUE, limits, found)
    if found is not None and not orders_on(found.policy, now.weekday(), shelf.lane.order_weekdays):
        by_hand = isinstance(found.policy, Manual)
        return Due(Sized(0, NotOrdered.MANUAL if by_hand else NotOrdered.WAITS_FOR_REVIEW), limits, found)
    return Due(size_order(shelf.position_milli, shelf.trigger_milli, shelf.aim_milli, limits), limits, found)


def ordered_by_hand(facts: ItemFacts, rate: FloatArray, book: PolicyBook) -> Sequence[bool]:
    """For each shelf of an item whether a person orders it: then nothing is moved away either."""
    return [
        place != NO_CLASS and isinstance(book.classes[place].policy, Manual)
        for place in book.places(facts, rate).tolist()
    ]


def limits_of(shelf: ShortShelf, found: ItemClass | None) -> OrderLimits:
    """The catalogue's packs and layers, the class's least order, the lower of capacity and a stated maximum."""
    facts = shelf.facts
    bounds = [] if shelf.shelf.capacity_milli is None else [shelf.shelf.capacity_milli]
    if found is None:
        return OrderLimits(
            pack_milli=facts.pack_milli,
            least_packs=facts.least_packs,
            layer_packs=facts.layer_packs,
            bound_milli=min(bounds, default=None),
        )
    policy, own = found.policy, found.limits
    if isinstance(policy, MinMax) and not policy.may_pass:
        bounds.append(round(policy.max_units * _UNIT))
    if shelf.shelf.capacity_milli is None and own.capacity_units is not None:
        bounds.append(round(own.capacity_units * _UNIT))
    in_lots = isinstance(policy, OrderMultiples) and policy.lot_packs > 1
    return OrderLimits(
        pack_milli=facts.pack_milli,
        least_packs=own.least_packs or facts.least_packs,
        layer_packs=policy.lot_packs if isinstance(policy, OrderMultiples) and in_lots else facts.layer_packs,
        layer_from_ratio=_WHOLE_LAYERS if in_lots else own.layer_from_ratio,
        bound_milli=min(bounds, default=None),
    )


def policy_words(found: ItemClass | None) -> str | None:
    """The class's policy as a buyer reads it; None for the learned one, which explains itself."""
    if found is None:
        return None
    return f"{found.name}: {_rule(found)}{_promise(found.service)}"


def _rule(found: ItemClass) -> str:
    policy = found.policy
    if isinstance(policy, MinMax):
        passes = "which the last pack may pass" if policy.may_pass else "which no pack passes"
        return f"below {policy.min_units:g} fill up to {policy.max_units:g}, {passes}"
    if isinstance(policy, OrderMultiples):
        return f"below the trigger order the fewest lots of {policy.lot_packs} packs that reach it"
    if isinstance(policy, PeriodicReview):
        return "on its review days fill up to what must last until the next one's goods arrive"
    if isinstance(policy, Newsvendor):
        return "as it spoils, stock so much that one piece more saves as much margin as it wastes"
    return "below the trigger fill up with whole packs"


def _promise(service: ServiceTarget | None) -> str:
    if service is None:
        return ""
    what = "of demand served from the shelf" if service.kind == "fill" else "of cycles without an empty shelf"
    return f"; promised {service.ratio:.0%} {what}"


def limit_words(due: Due, plain_packs: int) -> str:
    """Which limit changed the plain number of packs, for the explanation."""
    packs, limits = due.sized.packs, due.limits
    if due.spoils:
        return "a pack more would waste more than it saves"
    if packs < plain_packs:
        return "no pack may pass what the shelf holds"
    if limits.layer_packs > 1 and packs % limits.layer_packs == 0:
        return f"rounded up to whole layers of {limits.layer_packs}"
    return f"the least order is {limits.least_packs}"
