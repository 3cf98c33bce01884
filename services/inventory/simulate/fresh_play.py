"""Plays a scene's goods that spoil in four ways: told of the age of stock or not, with transfers or without; `usual simulate --fresh`."""

from collections.abc import Callable, Mapping

import msgspec

from libs.common.errors import InvalidInput
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.simulate.fresh import FreshShelves, FreshTally
from services.inventory.simulate.shelves import Scene

LIFE_DAYS: Mapping[str, int] = {
    "FLUID MILK PRODUCTS": 6,
    "BAKED BREAD/BUNS/ROLLS": 3,
    "BEEF": 3,
    "CHICKEN": 3,
    "PORK": 3,
    "DELI MEATS": 4,
    "SALAD MIX": 4,
    "BERRIES": 3,
    "TROPICAL FRUIT": 4,
    "TOMATOES": 6,
    "VEGETABLES - ALL OTHERS": 5,
    "MILK BY-PRODUCTS": 10,
    "YOGURT": 14,
}
"""Assumed, by category of the built-in data set: days after arrival on which a piece may still be sold."""

FRESH_ITEMS = 60
"""Of so many categories that sell most, those that spoil are played."""

_CENTS = 100


def fresh_part(scene: Scene, life_days: Mapping[str, int]) -> Scene:
    """The scene's items that spoil."""
    world = scene.world
    items = [item for item in world.items if item in life_days]
    keep = set(items)
    return Scene(
        world=msgspec.structs.replace(
            world, items=items, initial_stock=[row for row in world.initial_stock if row[1] in keep]
        ),
        lines=[[one for one in day if one.item in keep] for day in scene.lines],
    )


def play_fresh(scene: Scene, life_days: Mapping[str, int], *, is_aware: bool, reroute: bool = True) -> FreshTally:
    """What the scene's goods cost under our own rule, told of their age or not.

    Both order up to a day above the trigger: a week's cover would be thrown away unsold by whoever knows nothing of age.
    """
    line_cents = round(scene.world.cost["line"] * _CENTS)
    policy = Policy(order_line_cents=line_cents, reroute=reroute, cover_days=1, slow_cover_days=1)
    return FreshShelves(scene=scene, life_days=life_days, is_aware=is_aware, policy=policy).play()


def told(scene: Scene, tell: Callable[[str], None]) -> None:
    """Play it in all four ways and say what each came to. Raises InvalidInput for a scene in which nothing spoils."""
    if not scene.world.items:
        raise InvalidInput("no category of this data set has an assumed shelf life", slug="invalid-simulation")
    for is_aware in (False, True):
        for reroute in (False, True):
            found = play_fresh(scene, LIFE_DAYS, is_aware=is_aware, reroute=reroute)
            money = ", ".join(f"{name} {cents / _CENTS:.0f}" for name, cents in sorted(found.cents.items()))
            tell(
                f"{'knows' if is_aware else 'ignores'} the age of stock, {'moves' if reroute else 'moves nothing'}: "
                f"{found.asked} asked for, {found.lost} lost, {found.wasted} wasted, {found.moved} moved; "
                f"total {found.total_cents / _CENTS:.0f} ({money})"
            )
