"""A pure model of campaigns with limits: what every voucher adds to which counters, whatever happens to it."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.offers.domain.money import ledger
from services.offers.domain.money.budget import Budget, Wish, grant_within
from services.offers.domain.money.limits import Counter, Per, Use


@dataclass(frozen=True)
class Life:
    """One voucher: its reserve while it is open, what it gave once it was redeemed."""

    wish: Wish
    state: str = "issued"
    reserved_cents: int = 0
    given_cents: int = 0

    @property
    def use(self) -> Use:
        """What it adds to each of its counters."""
        return Use(int(self.state in {"issued", "redeemed"}), self.reserved_cents + self.given_cents)


@dataclass
class LimitedWorld:
    """Budgets, vouchers, and who became whom."""

    budgets: Mapping[str, Budget]
    lives: dict[str, Life] = field(default_factory=dict)
    became: dict[str, str] = field(default_factory=dict)

    def person(self, customer_id: str) -> str:
        """Who a customer is by now."""
        while customer_id in self.became:
            customer_id = self.became[customer_id]
        return customer_id

    def uses(self, *, by_person: bool = False) -> dict[tuple[str, Counter], Use]:
        """What stands on every counter: as the vouchers were issued, or by whom their customers are now."""
        count, cents = Tally[tuple[str, Counter]](), Tally[tuple[str, Counter]]()
        for life in self.lives.values():
            for claim in life.wish.claims:
                key = life.wish.campaign_id, self._now(claim.counter) if by_person else claim.counter
                count[key] += life.use.count
                cents[key] += life.use.cents
        return {key: Use(count[key], cents[key]) for key in count}

    def issue(self, wishes: Sequence[Wish]) -> set[str]:
        """Serve a batch; the keys that were granted."""
        asked = [
            replace(wish, claims=[replace(claim, counter=self._now(claim.counter)) for claim in wish.claims])
            for wish in wishes
        ]
        self.budgets, _, granted = grant_within(self.budgets, self.uses(by_person=True), asked)
        for wish in wishes:
            if wish.key in granted:
                self.lives[wish.key] = Life(wish, reserved_cents=wish.value_cents)
        return granted

    def redeem(self, key: str, given_cents: int) -> None:
        """An open one."""
        life = self.lives[key]
        self._move(key, ledger.redeemed(reserved_cents=life.reserved_cents, given_cents=given_cents))
        self.lives[key] = replace(life, state="redeemed", reserved_cents=0, given_cents=given_cents)

    def end(self, key: str, state: str) -> None:
        """An open one ends unused."""
        life = self.lives[key]
        self._move(key, ledger.expired(life.reserved_cents))
        self.lives[key] = replace(life, state=state, reserved_cents=0)

    def give_back(self, key: str, cents: int) -> None:
        """Of what a redeemed one gave."""
        self._move(key, ledger.returned(cents))
        self.lives[key] = replace(self.lives[key], given_cents=self.lives[key].given_cents - cents)

    def roll_back(self, key: str, *, ended: str | None) -> int:
        """A redemption is taken back; how much its voucher is good for again, which is nothing if it has ended."""
        life = self.lives[key]
        again_cents = 0
        if not ended:
            again_cents = self.budgets[life.wish.campaign_id].good_again_cents(
                given_cents=life.given_cents, value_cents=life.wish.value_cents, room_cents=self._room(life)
            )
        self._move(key, ledger.rolled_back(given_cents=life.given_cents, again_cents=again_cents))
        state = "issued" if again_cents else ended or "expired"
        self.lives[key] = replace(life, state=state, reserved_cents=again_cents, given_cents=0)
        return again_cents

    def _room(self, life: Life) -> int | None:
        uses = self.uses(by_person=True)
        rooms = [
            claim.most_cents - uses[life.wish.campaign_id, self._now(claim.counter)].cents
            for claim in life.wish.claims
            if claim.most_cents is not None
        ]
        return min(rooms) if rooms else None

    def _move(self, key: str, transfers: Sequence[ledger.Transfer]) -> None:
        campaign_id = self.lives[key].wish.campaign_id
        self.budgets = {**self.budgets, campaign_id: self.budgets[campaign_id].after(transfers)}

    def _now(self, counter: Counter) -> Counter:
        return replace(counter, entity=self.person(counter.entity)) if counter.per is Per.CUSTOMER else counter
