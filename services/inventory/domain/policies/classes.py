"""How a chain orders its item classes: policies, service targets and limits as data; put by HTTP, read by planning and the review.

The first class of the book that matches a shelf counts. A shelf that none matches is ordered by the learned policy of the chain.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from libs.common.contracts.values import Key
from services.inventory.domain.catalog import ItemFacts
from services.inventory.domain.distribution import FloatArray, IntArray

Units = Annotated[float, Field(ge=0, le=1e9)]
Days = Annotated[float, Field(gt=0, le=365)]
Share = Annotated[float, Field(ge=0, le=1)]
BoolArray = npt.NDArray[np.bool_]
NO_CLASS = -1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Matches(_Part):
    """Which shelves belong to a class: all that is said must hold; nothing said holds for all."""

    item_ids: tuple[Key, ...] = ()
    categories: tuple[Key, ...] = ()
    weekly_units_from: Units | None = None
    """What the shelf sells in a week by its forecast: at least this."""
    weekly_units_below: Units | None = None
    shelf_life_days_at_most: Annotated[int, Field(ge=1)] | None = None
    depots: bool = False
    """Whether it holds for depots instead of stores."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `depots` where it says nothing: the release before does not know the word."""
        said: dict[str, Any] = plain(self)
        if not self.depots:
            del said["depots"]
        return said

    def item(self, facts: ItemFacts) -> bool:
        """Whether the item may belong, whatever its shelves sell."""
        life = self.shelf_life_days_at_most
        return (
            not self.depots
            and (not self.item_ids or facts.item_id in self.item_ids)
            and (not self.categories or facts.category in self.categories)
            and (life is None or (facts.shelf_life_days is not None and facts.shelf_life_days <= life))
        )

    def shelves(self, rate: FloatArray) -> BoolArray:
        """Which of an item's shelves belong, by units a day."""
        weekly = rate * 7
        least = 0.0 if self.weekly_units_from is None else self.weekly_units_from
        below = np.inf if self.weekly_units_below is None else self.weekly_units_below
        found: BoolArray = (weekly >= least) & (weekly < below)
        return found


class ServiceTarget(_Part):
    """What is promised, and in which sense.

    `cycle` is the chance of no empty shelf between two arrivals, `fill` the share of demand that is served from the shelf.
    """

    kind: Literal["cycle", "fill"] = "cycle"
    ratio: Annotated[float, Field(gt=0, lt=1)]


class OrderUpTo(_Part):
    """(s, S): below s, fill up to S; s from the service target, S some days of demand above it."""

    kind: Literal["s_S"] = "s_S"
    cover_days: Days | None = None


class OrderMultiples(_Part):
    """(s, nQ): below s, the fewest whole lots of Q that reach s."""

    kind: Literal["s_nQ"] = "s_nQ"
    lot_packs: Annotated[int, Field(ge=1, le=100_000)] = 1


class PeriodicReview(_Part):
    """(R, S): on its review days fill up to S, on others nothing."""

    kind: Literal["R_S"] = "R_S"
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()
    """0 is Monday; none said: the order days of the lane."""


class MinMax(_Part):
    """Below `min_units` fill up to `max_units`, as a person said."""

    kind: Literal["min_max"] = "min_max"
    min_units: Units
    max_units: Units
    may_pass: bool = False
    """Whether the last pack may pass the maximum: then it is an aim, else a bound."""

    @model_validator(mode="after")
    def _in_order(self) -> "MinMax":
        if self.max_units < self.min_units:
            raise ValueError("max_units is below min_units")
        return self


class Newsvendor(_Part):
    """For what spoils: stock up to the quantile at which one more piece saves as much margin as it wastes."""

    kind: Literal["newsvendor"] = "newsvendor"
    salvage_ratio: Share = 0.0
    """What is got back of the cost of a piece that was not sold in time."""
    waste_ratio: Share = 0.5
    """The cost as a share of the price, where no cost is known."""


class Manual(_Part):
    """A person orders; only the forecast is made, and nothing is moved away."""

    kind: Literal["manual"] = "manual"


class ShelfLimits(_Part):
    """What holds for every shelf of the class that the catalogue says nothing of."""

    least_packs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    layer_from_ratio: Annotated[float, Field(ge=0, le=2)] = 0.75
    capacity_units: Units | None = None
    presentation_units: Units | None = None


OrderPolicy = Annotated[
    OrderUpTo | OrderMultiples | PeriodicReview | MinMax | Newsvendor | Manual, Field(discriminator="kind")
]


class ItemClass(_Part):
    """One class: whom it holds for, how they are ordered, what is promised."""

    name: Key
    matches: Matches = Matches()
    policy: OrderPolicy = OrderUpTo()
    service: ServiceTarget | None = None
    """Without one the learned trigger counts."""
    limits: ShelfLimits = ShelfLimits()


class PolicyBook(_Part):
    """All classes of a chain, the most important first."""

    classes: Annotated[tuple[ItemClass, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> "PolicyBook":
        names = [one.name for one in self.classes]
        if len(set(names)) != len(names):
            raise ValueError("two classes have the same name")
        return self

    def places(self, facts: ItemFacts, rate: FloatArray) -> IntArray:
        """For each shelf of an item the place of its class in the book, NO_CLASS where none matches."""
        found = np.full(len(rate), NO_CLASS, dtype=np.int64)
        for place, one in enumerate(self.classes):
            if one.matches.item(facts):
                found[(found == NO_CLASS) & one.matches.shelves(rate)] = place
        return found

    def for_depots(self) -> "PolicyBook":
        """The classes that hold for depots, as a book of its own."""
        found = (one for one in self.classes if one.matches.depots)
        return PolicyBook(
            classes=tuple(
                one.model_copy(update={"matches": one.matches.model_copy(update={"depots": False})}) for one in found
            )
        )

    def of(self, facts: ItemFacts, rate: float) -> ItemClass | None:
        """The class of one shelf."""
        place = int(self.places(facts, np.array([rate]))[0])
        return None if place == NO_CLASS else self.classes[place]


NO_CLASSES = PolicyBook()


def orders_on(policy: OrderPolicy, weekday: int, lane_weekdays: Sequence[int]) -> bool:
    """Whether a shelf under this policy is ordered on this weekday at all (0 is Monday)."""
    if isinstance(policy, PeriodicReview):
        return weekday in (policy.weekdays or tuple(lane_weekdays))
    return not isinstance(policy, Manual)
