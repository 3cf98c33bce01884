"""From a row that was read for a checkout to what a decision is told of it."""

from typing import Any

from services.offers.domain.brakes.brake import Brakes
from services.offers.domain.checkout.proposal import unpack
from services.offers.domain.decisions.eligibility import PastVoucher
from services.offers.domain.money.limits import Counter, Per, Period, Use, Uses
from services.offers.ports.campaigns.knowledge import Revisions
from services.offers.ports.checkout import CheckoutView, KnownCustomer
from services.offers.store.checkout.shelves import Shelf


def view_of(row: Any, shelf: Shelf | None) -> CheckoutView:
    """The view of one checkout; what changed in its store is put on the shelf that was remembered."""
    campaigns, catalogue, models = row["revisions"]
    if shelf is not None:
        shelf.changed(row["moved_ids"] or (), row["moved_there"] or (), int(row["horizon"]))
    return CheckoutView(
        stored=unpack(row["proposal"]) if row["proposal"] is not None else None,
        asked=row["asked_then"],
        granted=row["granted"] or (),
        customer=KnownCustomer(
            customer_id=row["customer_id"],
            personal_offers=row["personal_offers"],
            open_complaint=row["open_complaint"],
            sketch=row["sketch"],
            ranking_state=row["ranking_state"],
            household_id=row["household_id"],
        )
        if row["customer_id"] is not None
        else None,
        past=[
            PastVoucher(campaign_id=campaign_id, category=category, issued_at=issued_at, open=still_open)
            for campaign_id, category, issued_at, still_open in zip(
                *((row[name] or ()) for name in ("campaign_ids", "categories", "issued_at", "open")), strict=True
            )
        ],
        snapshots_fresh_at=row["snapshots_fresh_at"],
        reached_at=row["reached_at"],
        revisions=Revisions(campaigns=campaigns, catalogue=catalogue, models=models),
        uses=_uses(row) if "used_campaign_ids" in row else {},
        brakes=Brakes.of(row["brakes"]),
        there=shelf,
    )


def _uses(row: Any) -> Uses:
    names = ("used_campaign_ids", "pers", "entities", "periods", "starts", "counts", "cents")
    return {
        (campaign_id, Counter(Per(per), entity, Period(period), starts_on)): Use(count, cents)
        for campaign_id, per, entity, period, starts_on, count, cents in zip(
            *((row[name] or ()) for name in names), strict=True
        )
    }
