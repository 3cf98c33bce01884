"""Laws of limits on the database: whatever happens in whatever order, its counters say what a pure model says, and none is exceeded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.clock import FixedClock
from libs.common.contracts.profile import IdentityChanged
from libs.common.persistence import Transaction, Transactions
from services.offers.domain.money.budget import Budget, Wish
from services.offers.domain.money.limits import Claim, Counter, Per, Period, Use
from services.offers.domain.revocation import Revocation, Revoked
from services.offers.domain.vouchers.voucher import Given, GivenLine
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.returns.taking_back import give_back_returned, roll_back
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import NewRedemption
from services.offers.ports.returns import Reversal
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.checkout.issuing import SharedIssuing
from services.offers.store.feeds import PostgresReadModel
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.revocation import PostgresRevocations
from services.offers.store.vouchers.expiry import PostgresExpiry
from tests.integration.offers.test_budgets_hold import budget_of, issuers, looking
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.limited_lives import LimitedWorld
from tests.support.offers_facts import NOW, a_campaign, an_event
from tests.support.offers_running import CODES, next_id, tell_world
from tests.support.postgres import Database

TODAY = date(2026, 3, 10)
LIFE = Period.LIFE.starts_on(TODAY)
ORDER = ["issue", "issue", "issue", "issue", "redeem", "redeem", "return", "roll back", "expire", "merge", "revoke"]
WISHED = st.tuples(st.sampled_from("ab"), st.integers(1, 200), st.sampled_from("xyz"), st.sampled_from("mn"))
STEPS = st.lists(
    st.tuples(st.sampled_from(ORDER), st.integers(0, 10_000), st.lists(WISHED, min_size=1, max_size=5)),
    min_size=8,
    max_size=30,
)


def claims_of(prefix: str, customer: str, store: str) -> list[Claim]:
    """Two vouchers and 300 cents for a customer, three a day for a store, 700 cents for the campaign."""
    return [
        Claim(Counter(Per.CUSTOMER, f"{prefix}-{customer}", Period.LIFE, LIFE), most_count=2, most_cents=300),
        Claim(Counter(Per.STORE, f"{prefix}-{store}", Period.DAY, TODAY), most_count=3),
        Claim(Counter(Per.CAMPAIGN, "", Period.WEEK, Period.WEEK.starts_on(TODAY)), most_cents=700),
    ]


async def uses_of(tx: Transaction, prefix: str) -> dict[tuple[str, Counter], Use]:
    rows = await tx.connection.exec_driver_sql(
        f"SELECT * FROM limit_uses WHERE campaign_id LIKE '{prefix}%%'"  # noqa: S608  # a name of our own
    )
    return {
        (row["campaign_id"], Counter(Per(row["per"]), row["entity"], Period(row["period"]), row["starts_on"])): Use(
            row["count"], row["cents"]
        )
        for row in rows.mappings()
    }


@dataclass
class Lab:
    """One campaign world on the database, and the model that says what should stand there."""

    prefix: str
    issuer: SharedIssuing
    transactions: Transactions
    model: LimitedWorld
    now: datetime = NOW
    revoked_at: dict[str, datetime] = field(default_factory=dict)
    issued_at: dict[str, datetime] = field(default_factory=dict)
    ends_at: dict[str, datetime] = field(default_factory=dict)
    asked: int = 0

    async def take(self, kind: str, number: int, wished: Sequence[tuple[str, int, str, str]]) -> None:
        """One step, on the database and in the model."""
        self.now += timedelta(minutes=1)
        if kind == "issue":
            await self._issue(wished)
        elif kind == "merge":
            await self._merge(*f"{number % 10}")
        elif kind == "expire":
            await self._expire(number)
        elif kind == "revoke":
            await self._revoke(f"{self.prefix}-{'ab'[number % 2]}")
        else:
            await self._change_one(kind, number)

    async def _issue(self, wished: Sequence[tuple[str, int, str, str]]) -> None:
        wishes = []
        for campaign, cents, customer, store in wished:
            self.asked += 1
            key = f"{self.prefix}-{self.asked:04}"
            claims = claims_of(self.prefix, customer, store)
            wishes.append(Wish(key, f"{self.prefix}-{campaign}", cents, claims))
            self.issued_at[key] = self.now
            self.ends_at[key] = self.now + timedelta(minutes=3 + cents % 17)
        asked = [
            an_issue_request(
                f"k-{wish.key}",
                [Wanted(wish.key, wish.campaign_id, wish.value_cents, self.ends_at[wish.key], wish.claims)],
                self.now,
            )
            for wish in wishes
        ]
        granted = await asyncio.gather(*map(self.issuer.issue, asked))
        won = {wish.key for wish, slots in zip(wishes, granted, strict=True) if slots}
        assert won == self.model.issue(wishes)

    async def _merge(self, digit: str) -> None:
        old, new = [("x", "y"), ("y", "z"), ("x", "z")][int(digit) % 3]
        old, new = f"{self.prefix}-{old}", f"{self.prefix}-{new}"
        if old in self.model.became or self.model.person(new) == old:
            return
        async with self.transactions.begin() as tx:
            change = IdentityChanged(customer_id=old, version=1, now_customer_id=new)
            await PostgresReadModel(tx).apply_identities([an_event(change, f"{old}:1")], ())
        self.model.became[old] = new

    async def _expire(self, number: int) -> None:
        self.now += timedelta(minutes=number % 10)
        async with self.transactions.begin() as tx:
            ended = {each.voucher_id for each in await PostgresExpiry(tx).expire(self.now, 1_000)}
        over = [key for key in self._in_state("issued") if self.ends_at[key] <= self.now]
        assert {key for key in ended if key.startswith(f"{self.prefix}-")} == set(over)
        for key in over:
            self.model.end(key, "expired")

    async def _revoke(self, campaign_id: str) -> None:
        revoked = Revoked(campaign_id=campaign_id, store_id=None, batch_id=None, issued_from=NOW, issued_until=self.now)
        async with self.transactions.begin() as tx:
            store = PostgresRevocations(tx)
            await store.put(
                Revocation(
                    revocation_id=next_id("revocation"), revoked=revoked, reason="", asked_by="", asked_at=self.now
                )
            )
            while await store.sweep(self.now, self.now, 2):
                pass
        self.revoked_at[campaign_id] = self.now
        for key in self._in_state("issued"):
            if self._is_revoked(key):
                self.model.end(key, "revoked")

    async def _change_one(self, kind: str, number: int) -> None:
        found = self._in_state("issued" if kind == "redeem" else "redeemed")
        if not found:
            return
        key = found[number % len(found)]
        async with self.transactions.begin() as tx:
            store = PostgresRedemptions(tx)
            if kind == "redeem":
                await self._redeem(store, key, number)
            elif kind == "roll back":
                await self._roll_back(store, key)
            else:
                returned = {"milk-1": Decimal(1 + number % 3)}
                back = Reversal(
                    event_id=next_id("return"), receipt_id=f"sale-{key}", goods=returned, occurred_at=self.now
                )
                cents = await give_back_returned(store, back, self._clock())
                self.model.give_back(key, cents)

    async def _redeem(self, store: PostgresRedemptions, key: str, number: int) -> None:
        voucher = await store.lock_by_code(CODES.lookup_of(CODES.code_of(key)))
        assert voucher is not None
        given_cents = 1 + number % voucher.reserved_cents
        line = GivenLine(line_no=1, item_id="milk-1", quantity=Decimal(4), discount_cents=given_cents)
        attempt = NewRedemption(
            redemption_id=self._attempt_on(key),
            asked=b"",
            voucher_id=key,
            receipt_id=f"sale-{key}",
            store_id="store-1",
            status="redeemed",
            reason="redeemed",
            answer=b"{}",
            answered_at=self.now,
            given=Given(given_cents, (line,)),
        )
        assert await store.keep(attempt)
        await store.spend(voucher, given_cents, Cause(attempt.redemption_id, self.now))
        self.model.redeem(key, given_cents)

    def _clock(self) -> MoneyClock:
        return MoneyClock(FixedClock(self.now), play_mode=False)

    async def _roll_back(self, store: PostgresRedemptions, key: str) -> None:
        clock = self._clock()
        await roll_back(store, self._attempt_on(key), clock)
        await roll_back(store, self._attempt_on(key), clock)  # the same again changes nothing
        ended = "revoked" if self._is_revoked(key) else "expired" if self.ends_at[key] <= self.now else None
        self.model.roll_back(key, ended=ended)
        self.asked += 1  # the next attempt on this voucher has an id of its own
        self._attempts[key] = self.asked

    _attempts: dict[str, int] = field(default_factory=dict)

    def _attempt_on(self, key: str) -> str:
        return f"r-{key}-{self._attempts.get(key, 0)}"

    def _is_revoked(self, key: str) -> bool:
        revoked_at = self.revoked_at.get(self.model.lives[key].wish.campaign_id)
        return revoked_at is not None and self.issued_at[key] <= revoked_at

    def _in_state(self, state: str) -> list[str]:
        return [key for key, life in self.model.lives.items() if life.state == state]

    async def check(self) -> None:
        """The database stands where the model stands."""
        async with self.transactions.begin() as tx:
            assert await uses_of(tx, self.prefix) == self.model.uses()
            rows = await tx.connection.exec_driver_sql(
                f"SELECT * FROM vouchers WHERE voucher_id LIKE '{self.prefix}-%%'"  # noqa: S608  # a name of our own
            )
            stood = {row.voucher_id: (row.state, row.reserved_cents, row.given_cents) for row in rows}
        assert stood == {
            key: (life.state, life.reserved_cents, life.given_cents) for key, life in self.model.lives.items()
        }
        for name, budget in self.model.budgets.items():
            assert await budget_of(self.transactions, name) == budget


async def test_counters_say_what_a_pure_model_says_after_every_step(database: Database) -> None:
    await tell_world(database, campaigns=[])
    async with issuers(database, processes=1) as (issuer,), looking(database) as transactions:

        async def live(steps: Sequence[tuple[str, int, Any]]) -> None:
            prefix = f"{next_id('lab')}."
            names = [f"{prefix}-a", f"{prefix}-b"]
            async with transactions.begin() as tx:
                for name in names:
                    await PostgresCampaigns(tx).put(a_campaign(name, cap_cents=900), 1, "test")
            lab = Lab(prefix, issuer, transactions, LimitedWorld(dict.fromkeys(names, Budget(cap_cents=900))))
            for step in steps:
                await lab.take(*step)
                await lab.check()

        loop = asyncio.get_running_loop()

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(STEPS)
        def every_life(steps: Sequence[tuple[str, int, Any]]) -> None:
            asyncio.run_coroutine_threadsafe(live(steps), loop).result(60)

        await asyncio.to_thread(every_life)


async def test_two_doors_exceed_no_limit_whatever_they_are_asked_at_once(database: Database) -> None:
    names = ["hot", "warm", "free"]
    await tell_world(database, campaigns=[a_campaign(name, cap_cents=40_000) for name in names])
    most = {Per.CUSTOMER: (3, 250), Per.STORE: (40, None), Per.CAMPAIGN: (None, 3_000)}
    random = Random(5)

    def wanted(voucher_id: str) -> Wanted:
        name, cents = random.choice(names), random.randint(1, 150)
        entities = {Per.CUSTOMER: f"c{random.randrange(40)}", Per.STORE: f"s{random.randrange(3)}", Per.CAMPAIGN: ""}
        claims = [Claim(Counter(per, entities[per], Period.LIFE, LIFE), *most[per]) for per in most]
        return Wanted(voucher_id, name, cents, NOW + timedelta(days=1), claims if name != "free" else ())

    async def client(issuer: SharedIssuing, number: int) -> int:
        won = 0
        for turn in range(12):
            checkout_id = f"{number}-{turn}"
            request = an_issue_request(checkout_id, [wanted(f"{checkout_id}:{slot}") for slot in range(3)], NOW)
            won += len(await issuer.issue(request) or ())
        return won

    async with issuers(database, processes=2, together=16) as doors, looking(database) as transactions:
        told = sum(await asyncio.gather(*(client(doors[number % 2], number) for number in range(48))))
        async with transactions.begin() as tx:
            rows = (await tx.connection.exec_driver_sql("SELECT * FROM limit_uses")).mappings().all()
            recounted = (
                await tx.connection.exec_driver_sql("""
                    SELECT per, entity, period, starts_on, campaign_id, count(*), sum(reserved_cents + given_cents) AS cents
                    FROM voucher_limits JOIN vouchers USING (voucher_id, campaign_id) GROUP BY 1, 2, 3, 4, 5
                """)
            ).all()
            issued = (await tx.connection.exec_driver_sql("SELECT count(*) FROM vouchers")).scalar_one()
        assert {tuple(row.values()) for row in rows} == {tuple(row) for row in recounted}
        assert issued == told
        for row in rows:
            most_count, most_cents = most[Per(row["per"])]
            assert most_count is None or row["count"] <= most_count
            assert most_cents is None or row["cents"] <= most_cents
        assert any(row["count"] == 3 for row in rows if row["per"] == "customer"), "some were stopped by their number"
        assert any(row["cents"] > 2_900 for row in rows if row["per"] == "campaign"), "a campaign was used up"


async def test_who_became_one_person_counts_together_from_the_merges_commit_on(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("hot")])
    once = {
        name: [Claim(Counter(Per.CUSTOMER, name, Period.LIFE, LIFE), most_count=1)] for name in ("old", "new", "third")
    }

    def asks(checkout_id: str, name: str) -> Any:
        return an_issue_request(checkout_id, [Wanted(f"v-{checkout_id}", "hot", 10, NOW, once[name])], NOW)

    async with issuers(database, processes=2) as (one, other), looking(database) as transactions:
        assert await one.issue(asks("k1", "old")) == [1]
        async with transactions.begin() as holder:
            # The budget is held, so that a merge can commit while an issue, begun before, waits.
            await PostgresRedemptions(holder).budget("hot")
            waiting = [
                asyncio.create_task(other.issue(asks("k2", "new"))),
                asyncio.create_task(one.issue(asks("k3", "old"))),
            ]
            await wait_for_waiters(transactions, 2)
            async with transactions.begin() as tx:
                change = IdentityChanged(customer_id="old", version=1, now_customer_id="new")
                await PostgresReadModel(tx).apply_identities([an_event(change, "old:1")], ())
        assert [list(await each or ()) for each in waiting] == [[], []]
        assert await one.issue(asks("k4", "third")) == [1]


async def test_who_moves_a_counter_holds_the_budget_so_that_nobody_waits_for_each_other(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("hot")])
    claims = [Claim(Counter(Per.CAMPAIGN, "", Period.LIFE, LIFE), most_count=9)]

    def asks(checkout_id: str) -> Any:
        return an_issue_request(checkout_id, [Wanted(f"v-{checkout_id}", "hot", 10, NOW, claims)], NOW)

    async with issuers(database, processes=1) as (issuer,), looking(database) as transactions:
        assert await issuer.issue(asks("k1")) == [1]
        async with transactions.begin() as tx:
            await tx.connection.exec_driver_sql("UPDATE vouchers SET reserved_cents = 9")
            waiting = asyncio.create_task(issuer.issue(asks("k2")))
            await wait_for_waiters(transactions, 1)
            await PostgresRedemptions(tx).budget("hot")
        assert await waiting == [1]
        async with transactions.begin() as tx:
            assert list((await uses_of(tx, "hot")).values()) == [Use(2, 19)]


async def wait_for_waiters(transactions: Transactions, sessions: int) -> None:
    """Until so many sessions wait for a lock."""
    for _ in range(500):
        async with transactions.begin() as tx:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if int((await tx.connection.exec_driver_sql(waiting)).scalar_one()) >= sessions:
                return
        await asyncio.sleep(0.02)  # noqa: TID251  # another session is waited for, which tells nobody
    raise AssertionError("nobody waits")
