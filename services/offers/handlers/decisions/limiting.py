"""What a checkout asks and is told of limits before it decides."""

from datetime import datetime, timedelta

from services.offers.domain.campaigns.catalogue import Store
from services.offers.domain.money.limits import Per, Standing
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.ports.checkout import CheckoutQuestion, CheckoutView, KnownCustomer, LimitsOf


def question_of(
    knowledge: Knowledge, checkout_id: str, customer_id: str | None, store_id: str, now: datetime
) -> CheckoutQuestion:
    """What to look up for a checkout; of limits nothing where no campaign has any."""
    store = knowledge.stores.get(store_id)
    limits_of = None
    if store is not None and knowledge.limit_pairs:
        day = now.astimezone(store.zone).date()
        limits_of = LimitsOf(pairs=knowledge.limit_pairs, day=day, region=store.region, partner=store.partner)
    return CheckoutQuestion(
        checkout_id=checkout_id,
        customer_id=customer_id,
        store_id=store_id,
        past_since=now - timedelta(days=knowledge.remembered_days),
        limits_of=limits_of,
    )


def standing_of(store: Store, now: datetime, personal: KnownCustomer | None, view: CheckoutView) -> Standing:
    """By what the limits of a checkout are judged; a customer whose data may not be used is unknown."""
    return Standing(
        entities={
            Per.CUSTOMER: personal.customer_id if personal else None,
            Per.HOUSEHOLD: personal.household_id if personal else None,
            Per.STORE: store.store_id,
            Per.REGION: store.region,
            Per.PARTNER: store.partner,
            Per.CAMPAIGN: "",
        },
        day=now.astimezone(store.zone).date(),
        uses=view.uses,
    )
