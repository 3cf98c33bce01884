"""Laws of brakes: what one stops, who may release it, and when a rule pulls one."""

from hypothesis import example, given
from hypothesis import strategies as st

from services.offers.domain.brakes.brake import HEAD_OFFICE, NO_BRAKES, Brake, Brakes, PulledFor, Scope, Target
from services.offers.domain.brakes.tripping import Reading, campaign_trips, chain_trips
from services.offers.domain.campaigns.brake_bounds import BrakeRules, CampaignBounds, ChainBounds, MoneyBounds
from services.offers.domain.decisions.decision import decide
from services.offers.domain.decisions.eligibility import Circumstances, Refusal
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Prior
from services.offers.domain.decisions.roster import Roster
from tests.support.offers_facts import NOW, a_campaign

IDS = st.sampled_from(["7", "8", "milk", "", "chain", "store:7"])
CENTS = st.integers(0, 10**9)
COUNTS = st.integers(0, 1000)


def a_brake(scope: Scope = Scope.STORE, entity_id: str = "7", of_store: str = HEAD_OFFICE) -> Brake:
    return Brake(
        brake_id="b",
        target=Target(scope=scope, entity_id=entity_id),
        redemptions=False,
        pulled_for=PulledFor.PERSON,
        reason="a test",
        pulled_by="nobody",
        of_store=of_store,
    )


@given(
    targets=st.sets(st.tuples(st.sampled_from([Scope.STORE, Scope.CAMPAIGN]), IDS)),
    chain=st.booleans(),
    campaign_id=IDS,
    store_id=IDS,
)
def test_a_brake_stops_its_own_target_and_nothing_else(
    *,
    targets: set[tuple[Scope, str]],
    chain: bool,
    campaign_id: str,
    store_id: str,
) -> None:
    tokens = [Target(scope=scope, entity_id=entity_id).token for scope, entity_id in targets]
    brakes = Brakes.of([*tokens, *([Target(scope=Scope.CHAIN).token] if chain else [])])
    stopped = chain or (Scope.STORE, store_id) in targets or (Scope.CAMPAIGN, campaign_id) in targets
    assert brakes.stops(campaign_id, store_id) == stopped
    assert not NO_BRAKES.stops(campaign_id, store_id)


def test_head_office_releases_everything_and_a_store_only_what_it_pulled_itself() -> None:
    assert a_brake(of_store="7").may_be_released_by("7")
    assert a_brake(of_store="7").may_be_released_by(HEAD_OFFICE)
    assert not a_brake(of_store=HEAD_OFFICE).may_be_released_by("7")
    assert not a_brake(of_store="8").may_be_released_by("7")


def test_a_stopped_campaign_is_refused_with_the_reason_and_another_one_takes_its_place() -> None:
    need = CategoryNeed(category="milk", item_ids=("milk-1",), chance_ratio=0.5, known=True, price_cents=500)
    campaigns = {name: a_campaign(name) for name in ("bad", "good")}

    def decided(*tokens: str) -> tuple[str, set[str]]:
        at = Circumstances(
            customer_id="c",
            holdout_key="c",
            store_id="7",
            currency="USD",
            tier=0,
            now=NOW,
            brakes=Brakes.of(tokens),
        )
        decision = decide(Roster.of(campaigns, "7", "USD", NOW), [need], at, slots=3, seed="s", prior=Prior())
        return decision.reason, {choice.offer.campaign_id for choice in decision.alternatives}

    assert decided()[1] == {"bad", "good"}
    assert decided("campaign:bad")[1] == {"good"}
    for tokens in (["chain:"], ["store:7"], ["campaign:bad", "campaign:good"]):
        assert decided(*tokens) == (Refusal.STOPPED, set())
    assert decided("store:8")[1] == {"bad", "good"}


@given(CENTS, CENTS, st.integers(1, 10**7), st.integers(1, 3600))
@example(100, 100, 100, 60)
def test_money_trips_exactly_above_its_bound_a_minute(promised: int, given_cents: int, bound: int, window: int) -> None:
    reading = Reading(promised_cents=promised, given_cents=given_cents)
    by_promise = campaign_trips(reading, CampaignBounds(promised_cents_per_minute=bound), window)
    by_gift = campaign_trips(reading, CampaignBounds(given_cents_per_minute=bound), window)
    assert (by_promise is not None) == (promised / window > bound / 60)
    assert (by_gift is not None) == (given_cents / window > bound / 60)
    assert by_promise is None or by_promise.rule is PulledFor.PROMISED_RATE
    assert by_gift is None or by_gift.rule is PulledFor.GIVEN_RATE


@given(CENTS, CENTS, COUNTS, COUNTS)
def test_nothing_trips_where_no_bound_is_stated(promised: int, given_cents: int, attempts: int, faults: int) -> None:
    rules = BrakeRules()
    reading = Reading(promised_cents=promised, given_cents=given_cents, attempts=attempts, faults=min(faults, attempts))
    assert campaign_trips(reading, rules.campaigns, rules.window_seconds) is None
    assert chain_trips({"USD": reading}, reading, rules.chain, rules.window_seconds) is None


@given(COUNTS, COUNTS, st.integers(1, 100), st.integers(1, 99))
def test_a_share_trips_above_its_bound_once_there_are_enough_attempts(
    attempts: int, faults: int, least: int, percent: int
) -> None:
    faults = min(attempts, faults)
    trips = attempts >= least and faults > percent / 100 * attempts
    bounds = CampaignBounds(refused_ratio=percent / 100, least_attempts=least)
    tripped = campaign_trips(Reading(attempts=attempts, faults=faults), bounds, 60)
    assert (tripped is not None) == trips
    chain = ChainBounds(lost_ratio=percent / 100, least_answered=least)
    assert (chain_trips({}, Reading(attempts=attempts, faults=faults), chain, 60) is not None) == trips


@given(st.lists(st.tuples(CENTS, CENTS), max_size=5), CENTS, st.integers(1, 10**8))
def test_more_money_never_takes_a_trip_back(parts: list[tuple[int, int]], more: int, bound: int) -> None:
    bounds = CampaignBounds(promised_cents_per_minute=bound, given_cents_per_minute=bound)
    before = Reading()
    for promised, given_cents in parts:
        before += Reading(promised_cents=promised, given_cents=given_cents)
    after = before + Reading(promised_cents=more)
    assert campaign_trips(before, bounds, 60) is None or campaign_trips(after, bounds, 60) is not None


def test_the_chain_adds_no_currencies_up() -> None:
    bounds = ChainBounds(
        money={"EUR": MoneyBounds(promised_cents_per_minute=100), "USD": MoneyBounds(promised_cents_per_minute=100)}
    )
    ninety = Reading(promised_cents=90)
    assert chain_trips({"EUR": ninety, "USD": ninety}, Reading(), bounds, 60) is None
    tripped = chain_trips({"EUR": ninety, "USD": ninety + ninety}, Reading(), bounds, 60)
    assert tripped is not None
    assert "180 cents" in tripped.reason
    assert "USD" in tripped.reason


def test_a_campaign_states_its_own_bounds_and_keeps_head_offices_for_the_rest() -> None:
    general = CampaignBounds(promised_cents_per_minute=500, refused_ratio=0.5, least_attempts=20)
    own = CampaignBounds(promised_cents_per_minute=100).over(general)
    assert own == CampaignBounds(promised_cents_per_minute=100, refused_ratio=0.5, least_attempts=20)
    assert CampaignBounds().over(general) == general
