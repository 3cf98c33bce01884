"""A small chain that is played: a few stores and items with drawn demand, more than its shelves hold now and then."""

from random import Random

from services.inventory.simulate.protocol import World
from services.inventory.simulate.shelves import Scene, Wanted

COST = {"hold": 0.005, "lost": 0.5, "line": 0.05, "tline": 0.3, "tunit": 0.05}


def small_chain(*, history: int = 32, days: int = 10, stores: int = 4, items: int = 6, review: int = 1) -> Scene:
    random = Random(3)
    store_ids = [f"s{number}" for number in range(stores)]
    item_ids = [f"i{number}" for number in range(items)]
    lines = []
    for _ in range(history + days):
        today = [
            Wanted(random.randrange(8 * 3600, 22 * 3600), store, item, random.choice([1, 1, 2, 4]))
            for place, store in enumerate(store_ids)
            for number, item in enumerate(item_ids)
            for _ in range(random.randrange(0, 2 + (place + number) % 4))
        ]
        lines.append(sorted(today, key=lambda one: one.t))
    world = World(
        stores=store_ids,
        items=item_ids,
        lead=3,
        review=review,
        pack={item: 1 + number % 3 for number, item in enumerate(item_ids)},
        price={item: 2.5 + number for number, item in enumerate(item_ids)},
        cost=COST,
        first_day=history,
        last_day=history + days - 1,
        initial_stock=[(store, item, random.choice([2, 8, 30])) for store in store_ids for item in item_ids],
    )
    return Scene(world=world, lines=lines)
