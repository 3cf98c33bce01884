"""What a customer's page shows of its facets: found in their rows, of which it unpacks no more than it shows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.profile.domain.facet import Facet, ItemTally, PeriodKey, PeriodTally, fold
from services.profile.domain.facet_codec import Rows, about_time, facet_of_rows, item_tally

Favourite = tuple[str, ItemTally]
Spent = tuple[str, int, int]
"""Category, lines, amount in cents."""
_BASKETS, _AMOUNT = 0, 2
"""Where a row of an item has them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All facets together without visits, items, categories and the web; the goods bought most often, the categories paid most for."""

    facet: Facet
    favourites: Sequence[Favourite]
    categories: Sequence[Spent]


def seen(parts: Sequence[Rows], most: int) -> Seen:
    """What to show of these facets (at least one), with at most so many goods and categories."""
    goods = [rows for rows in parts if rows.items or rows.periods]
    facet = fold(map(about_time, parts))
    if len(goods) <= 1:
        return Seen(
            facet,
            [favourite for rows in goods for favourite in _favourites_in(rows, most)],
            [spent for rows in goods for spent in _categories_in(rows, most)],
        )
    bought = fold(replace(facet_of_rows(rows), visits={}) for rows in goods)
    return Seen(facet, _favourites(bought.items, most), _categories(bought.periods, most))


def _favourites_in(rows: Rows, most: int) -> list[Favourite]:
    known = zip(rows.items, rows.tallies, strict=True)
    bought = ((-tally[_BASKETS], -tally[_AMOUNT], name, tally) for name, tally in known if tally and tally[_BASKETS])
    return [(name, item_tally(tally, rows.words)) for _, _, name, tally in sorted(bought)[:most]]


def _favourites(items: Mapping[str, ItemTally], most: int) -> list[Favourite]:
    bought = ((-tally.baskets, -tally.amount_cents, name, tally) for name, tally in items.items() if tally.baskets)
    return [(name, tally) for _, _, name, tally in sorted(bought)[:most]]


def _categories_in(rows: Rows, most: int) -> list[Spent]:
    return _most_paid(((rows.words[word], lines, amount) for _, word, lines, amount in rows.periods), most)


def _categories(periods: Mapping[PeriodKey, PeriodTally], most: int) -> list[Spent]:
    return _most_paid(((key.category, tally.lines, tally.amount_cents) for key, tally in periods.items()), most)


def _most_paid(paid: Iterable[Spent], most: int) -> list[Spent]:
    spent: dict[str, tuple[int, int]] = {}
    for category, lines, amount in paid:
        known = spent.get(category)
        spent[category] = (lines, amount) if known is None else (known[0] + lines, known[1] + amount)
    ranked = sorted((-amount, category, lines) for category, (lines, amount) in spent.items())
    return [(category, lines, -amount) for amount, category, lines in ranked[:most]]
