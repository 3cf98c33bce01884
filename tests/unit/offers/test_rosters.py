"""A roster decides as every campaign against every category would; it holds for exactly as long as nothing begins or ends."""

from datetime import datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from services.offers.domain.brakes.brake import Brakes
from services.offers.domain.campaigns.campaign import Aim, Campaign, GuardRails, StoreOverride
from services.offers.domain.campaigns.terms import BuyGet, FixedPrice, FreeItem
from services.offers.domain.decisions.decision import decide
from services.offers.domain.decisions.eligibility import Circumstances, PastVoucher
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Prior
from services.offers.domain.decisions.roster import Rosters
from services.offers.domain.money.limits import Counter, Limit, Per, Period, Standing, Use
from tests.support.offers_facts import NOW
from tests.support.plain_decisions import decided_plainly

CATEGORIES = [f"category-{number:02}" for number in range(12)]
PROMISES = (
    {"kind": "percent", "percent": 10},
    {"kind": "percent", "percent": 100},
    {"kind": "amount", "amount_cents": 100},
    {"kind": "fixed_price", "fixed_price": FixedPrice(price_cents=99)},
    {"kind": "free_item", "free_item": FreeItem()},
    {"kind": "buy_get", "buy_get": BuyGet(buy=2)},
)
HOURS = st.one_of(st.none(), st.integers(-3, 3))


def at_hour(hours: int | None) -> datetime | None:
    return None if hours is None else NOW + timedelta(hours=hours)


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Campaign]:
    found = {}
    for number in range(draw(st.integers(0, 6))):
        starts, ends = draw(HOURS), draw(HOURS)
        limits = draw(st.sampled_from([(), (_limit("store"),), (_limit("customer"),), (_limit("household"),)]))
        found[f"c{number}"] = Campaign(
            campaign_id=f"c{number}",
            title="Deal",
            aim=draw(st.sampled_from(Aim)),
            greatest_value_cents=100,
            currency=draw(st.sampled_from(["USD", "USD", "USD", "EUR"])),
            categories=tuple(draw(st.one_of(st.just(["*"]), st.lists(st.sampled_from(CATEGORIES), min_size=1)))),
            tiers=draw(st.sampled_from([(0, 1), (0,), (1,)])),
            starts_at=at_hour(starts),
            ends_at=at_hour(ends) if starts is None or ends is None or ends > starts else None,
            cap_cents=10_000,
            holdout_ratio=draw(st.sampled_from([0.0, 0.05, 0.5, 1.0])),
            exploration_ratio=draw(st.sampled_from([0.0, 0.1, 1.0])),
            guard_rails=GuardRails(greatest_value_cents=1000, greatest_percent=100, issued_per_customer=2),
            stores=draw(
                st.sampled_from(
                    [{}, {"1": StoreOverride(active=False)}, {"2": StoreOverride(limits=(_limit("store"),))}]
                )
            ),
            limits=limits,
            **draw(st.sampled_from(PROMISES)),
        )
    return found


def _limit(per: str) -> Limit:
    return Limit(per=per, period="day", measure="count", most=1)


@st.composite
def wants(draw: st.DrawFn) -> list[CategoryNeed]:
    categories = draw(st.lists(st.sampled_from([*CATEGORIES, "other"]), unique=True))
    return [
        CategoryNeed(
            category=category,
            chance_ratio=draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]) | st.floats(0, 1)),
            known=draw(st.booleans()),
            item_ids=draw(st.sampled_from([(), ("a",), ("a", "b")])),
            price_cents=draw(st.sampled_from([0, 1, 99, 250, 100_000])),
        )
        for category in categories
    ]


@st.composite
def circumstances(draw: st.DrawFn) -> Circumstances:
    past = [
        PastVoucher(
            campaign_id=f"c{draw(st.integers(0, 8))}",
            category="category-00",
            issued_at=NOW - timedelta(days=draw(st.integers(0, 40))),
            open=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    store_id = draw(st.sampled_from(["1", "2", "3"]))
    standing = Standing(
        entities={
            Per.CUSTOMER: draw(st.sampled_from(["who", None])),
            Per.STORE: store_id,
            Per.HOUSEHOLD: None,
            Per.CAMPAIGN: "",
        },
        day=NOW.date(),
        uses=draw(st.sampled_from([{}, {("c0", Counter(Per.STORE, "1", Period.DAY, NOW.date())): Use(1, 100)}])),
    )
    return Circumstances(
        customer_id="who",
        holdout_key=draw(st.text("abc", min_size=1, max_size=4)),
        store_id=store_id,
        currency="USD",
        tier=draw(st.sampled_from([0, 1])),
        now=NOW + timedelta(hours=draw(st.integers(-4, 4))),
        open_complaint=draw(st.booleans()) and draw(st.booleans()),
        past=past,
        standing=standing,
        brakes=Brakes.of(draw(st.sampled_from([(), (), ("campaign:c0",), ("store:1",), ("chain:",)]))),
    )


@given(
    campaigns(), st.lists(st.tuples(circumstances(), wants()), min_size=1, max_size=4), st.integers(1, 3), st.integers()
)
def test_a_roster_decides_as_every_campaign_against_every_category_would(
    known: dict[str, Campaign], asked: list[tuple[Circumstances, list[CategoryNeed]]], slots: int, seed: int
) -> None:
    rosters = Rosters(known)
    for at, needs in asked:
        here = rosters.at(at.store_id, at.currency, at.now)
        found = decide(here, needs, at, slots=slots, seed=str(seed), prior=Prior())
        assert found == decided_plainly(known, needs, at, slots=slots, seed=str(seed), prior=Prior())


@given(campaigns(), st.lists(st.integers(-4, 4), min_size=1))
@example({}, [0])
def test_a_roster_is_asked_again_when_a_campaign_begins_or_ends(known: dict[str, Campaign], hours: list[int]) -> None:
    rosters = Rosters(known)
    for hour in hours:
        now = NOW + timedelta(hours=hour)
        running = {one.campaign_id for one in known.values() if one.currency == "USD" and one.runs_at(now)}
        assert {one.campaign_id for one in rosters.at("3", "USD", now).campaigns} == running


def test_more_offers_than_are_weighed_leave_the_strongest_whatever_their_order() -> None:
    many = {
        f"c{number}": Campaign(
            campaign_id=f"c{number}",
            title="Deal",
            kind="percent",
            percent=number + 1,
            greatest_value_cents=100,
            currency="USD",
            cap_cents=1,
            holdout_ratio=0.0,
            guard_rails=GuardRails(greatest_value_cents=100),
        )
        for number in range(5)
    }
    needs = [
        CategoryNeed(category=category, chance_ratio=0.01 + place / 20, known=True, item_ids=("a",), price_cents=300)
        for place, category in enumerate(CATEGORIES)
    ]
    at = Circumstances(customer_id="w", holdout_key="w", store_id="1", currency="USD", tier=0, now=NOW)
    for order in (needs, needs[::-1]):
        found = decide(Rosters(many).at("1", "USD", NOW), order, at, slots=3, seed="s", prior=Prior())
        assert len(found.alternatives) == 24
        assert found == decided_plainly(many, needs, at, slots=3, seed="s", prior=Prior())
