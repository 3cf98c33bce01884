"""Which of the vouchers presented with a receipt are redeemed, in which order, and why the others are not.

Exact: a search through all sets that leaves out only what cannot be better (`tests/unit/offers/test_stacking.py` compares
it with trying all). It rests on one law of domain/vouchers/voucher.py: a voucher gives no more in total where the lines cost less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from services.offers.domain.campaigns.stacking_rules import StackingRules
from services.offers.domain.redemption.discounting import Earlier, Left, NotStacked, Receipt, Refusal, Shown
from services.offers.domain.vouchers.voucher import Given


@dataclass(frozen=True, slots=True)
class Chosen:
    """A voucher that comes off, and what it gives in its place."""

    shown: Shown
    given: Given


@dataclass(frozen=True, slots=True)
class Dropped:
    """A voucher that does not, why, and which vouchers stand in its way."""

    shown: Shown
    reason: Refusal
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """The answer: what comes off, in this order, and what does not."""

    chosen: tuple[Chosen, ...]
    dropped: tuple[Dropped, ...]

    @property
    def given_cents(self) -> int:
        """What all of it takes off."""
        return sum(each.given.given_cents for each in self.chosen)


_Key = tuple[int, int, int]


def stack(shown: Sequence[Shown], receipt: Receipt, rules: StackingRules, earlier: Sequence[Earlier]) -> Stack:
    """The best set that the rules allow beside what was redeemed on this receipt before.

    Best for the customer: the greatest discount; of equal ones the cheapest to the retailer, then the one of fewest vouchers.
    Best for the margin: of the sets to which no further voucher could be added, the one that costs the retailer least; of
    equal ones the greatest discount, then fewest vouchers. Last, earlier in the order of application wins; in which order they
    were presented never matters.
    """
    search = _Search(shown, receipt, rules, earlier)
    search.run()
    return search.explained(search.best)


def stack_all(shown: Sequence[Shown], receipt: Receipt, rules: StackingRules, earlier: Sequence[Earlier]) -> Stack:
    """All of them, or none: those that stand in the way say why, the others that not all of them go."""
    search = _Search(shown, receipt, rules, earlier)
    chosen: list[Chosen] = []
    dropped: list[Dropped] = []
    left = receipt.left
    for each in search.ordered:
        conflict = search.conflict(each, chosen)
        taken = conflict or receipt.take(each, left)
        if isinstance(taken, Dropped):
            dropped.append(taken)
        elif isinstance(taken, tuple):
            given, left = taken
            chosen.append(Chosen(each, given))
        else:
            dropped.append(Dropped(each, taken))
    if dropped:
        return Stack((), (*dropped, *(Dropped(each.shown, NotStacked.NOT_ALL) for each in chosen)))
    return Stack(tuple(chosen), ())


class _Search:
    """Depth first along the order of application: each voucher is taken, then left out."""

    def __init__(
        self, shown: Sequence[Shown], receipt: Receipt, rules: StackingRules, earlier: Sequence[Earlier]
    ) -> None:
        self._receipt = receipt
        self._rules = rules
        self._earlier = earlier
        self._for_margin = rules.best_for == "margin"
        self.ordered = sorted(shown, key=self._place)
        self.refused = self._refused()
        self._open = [each for each in self.ordered if each.voucher.voucher_id not in self.refused]
        unbound = [receipt.unbound(each) for each in self._open]
        free = [0 if each.by_retailer else cents for each, cents in zip(self._open, unbound, strict=True)]
        self._still = [sum(unbound[place:]) for place in range(len(unbound) + 1)]
        self._still_free = [sum(free[place:]) for place in range(len(unbound) + 1)]
        self._greatest = [sorted(unbound[place:], reverse=True) for place in range(len(unbound) + 1)]
        self.best: tuple[Chosen, ...] = ()
        self._best_key: _Key | None = None

    def run(self) -> None:
        """Find `best`."""
        self._from(0, (), self._receipt.left)

    def explained(self, chosen: tuple[Chosen, ...]) -> Stack:
        """The set with a reason for each voucher that is not in it."""
        there = {each.shown.voucher.voucher_id for each in chosen}
        rest = [each for each in self.ordered if each.voucher.voucher_id not in there]
        return Stack(chosen, tuple(self._why(each, chosen) for each in rest))

    def conflict(self, shown: Shown, chosen: Sequence[Chosen]) -> Dropped | None:
        """What the rules say against it beside these."""
        there = [(each.voucher_id, each.stacking) for each in self._earlier]
        there += [(each.shown.voucher.voucher_id, each.shown.stacking) for each in chosen]
        one, rules = shown.stacking, self._rules
        barring = tuple(voucher_id for voucher_id, other in there if rules.bar(one, other))
        if barring:
            return Dropped(shown, NotStacked.EXCLUDED_BY, barring)
        if rules.full([other for _, other in there], one):
            by = tuple(voucher_id for voucher_id, other in there if other.group == one.group)
            return Dropped(shown, NotStacked.GROUP_FULL, by)
        if rules.at_most is not None and len(there) >= rules.at_most:
            return Dropped(shown, NotStacked.RECEIPT_FULL, tuple(voucher_id for voucher_id, _ in there))
        return None

    def _place(self, shown: Shown) -> tuple[int, int, bool, str]:
        """Group, then campaign; then percents before sums where that is better for whom the rules favour."""
        one = shown.stacking
        later = (shown.voucher.terms.kind == "percent") is self._for_margin
        return self._rules.group(one.group).order, one.order, later, shown.voucher.voucher_id

    def _refused(self) -> dict[str, Dropped]:
        """Those that give nothing even by themselves."""
        refused = {}
        for each in self.ordered:
            alone = self.conflict(each, ()) or self._receipt.take(each, self._receipt.left)
            if isinstance(alone, Dropped):
                refused[each.voucher.voucher_id] = alone
            elif not isinstance(alone, tuple):
                refused[each.voucher.voucher_id] = Dropped(each, alone)
        return refused

    def _from(self, place: int, chosen: tuple[Chosen, ...], left: Left) -> None:
        if self._best_key is not None and self._bound(place, chosen) >= self._best_key:
            return
        if place == len(self._open):
            if not (self._for_margin and self._can_grow(chosen)):
                self.best, self._best_key = chosen, self._key(chosen)
            return
        shown = self._open[place]
        taken = None if self.conflict(shown, chosen) else self._receipt.take(shown, left)
        if isinstance(taken, tuple):
            self._from(place + 1, (*chosen, Chosen(shown, taken[0])), taken[1])
        if not (self._for_margin and self._all_go(place, chosen)):
            self._from(place + 1, chosen, left)

    def _key(self, chosen: Sequence[Chosen]) -> _Key:
        """Less is better."""
        given_cents = sum(each.given.given_cents for each in chosen)
        cost_cents = sum(each.given.given_cents for each in chosen if each.shown.by_retailer)
        if self._for_margin:
            return cost_cents, -given_cents, len(chosen)
        return -given_cents, cost_cents, len(chosen)

    def _bound(self, place: int, chosen: Sequence[Chosen]) -> _Key:
        """No set that begins like this has a lesser key."""
        first, second, count = self._key(chosen)
        given_cents = -(second if self._for_margin else first)
        room_cents = self._receipt.left.total_cents - given_cents
        free_cents = min(self._still_free[place], room_cents)
        if self._for_margin:  # at this cost nothing comes off any more that the retailer pays
            return first, second - free_cents, count + self._fewest(place, free_cents)
        more_cents = min(self._still[place], room_cents)
        return first - more_cents, second + max(0, more_cents - free_cents), count + self._fewest(place, more_cents)

    def _fewest(self, place: int, cents: int) -> int:
        """So many vouchers of the rest it takes at least to give so much."""
        sums = accumulate(self._greatest[place])
        return 0 if cents <= 0 else 1 + sum(reached < cents for reached in sums)

    def _run(self, shown: Sequence[Shown]) -> tuple[Chosen, ...] | None:
        """All of these in order, if the rules let them and each gives something."""
        chosen: tuple[Chosen, ...] = ()
        left = self._receipt.left
        for each in shown:
            taken = None if self.conflict(each, chosen) else self._receipt.take(each, left)
            if not isinstance(taken, tuple):
                return None
            chosen, left = (*chosen, Chosen(each, taken[0])), taken[1]
        return chosen

    def _all_go(self, place: int, chosen: Sequence[Chosen]) -> bool:
        """Whether these and all that follow go together: then no set that leaves one of them out is full."""
        return self._run([*(each.shown for each in chosen), *self._open[place:]]) is not None

    def _with(self, shown: Shown, chosen: Sequence[Chosen]) -> tuple[Chosen, ...] | None:
        there = {each.shown.voucher.voucher_id for each in chosen} | {shown.voucher.voucher_id}
        return self._run([each for each in self._open if each.voucher.voucher_id in there])

    def _can_grow(self, chosen: Sequence[Chosen]) -> bool:
        there = {each.shown.voucher.voucher_id for each in chosen}
        return any(self._with(each, chosen) for each in self._open if each.voucher.voucher_id not in there)

    def _why(self, shown: Shown, chosen: tuple[Chosen, ...]) -> Dropped:
        known = self.refused.get(shown.voucher.voucher_id) or self.conflict(shown, chosen)
        if known is not None:
            return known
        left = self._receipt.left
        for each in chosen:
            if self._place(each.shown) > self._place(shown):
                break
            taken = self._receipt.take(each.shown, left)
            left = taken[1] if isinstance(taken, tuple) else left
        here = self._receipt.take(shown, left)
        by = tuple(each.shown.voucher.voucher_id for each in chosen)
        if isinstance(here, tuple):
            return Dropped(shown, NotStacked.WORTH_LESS, by)
        return Dropped(shown, here if isinstance(here, NotStacked) else NotStacked.NOTHING_LEFT, by)
