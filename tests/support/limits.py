"""Limits as campaigns state them, and a view of the database that knows nothing."""

from typing import Any

from services.offers.ports.campaigns.knowledge import Revisions
from services.offers.ports.checkout import CheckoutView


def limit(per: str, period: str, most: int, measure: str = "count") -> dict[str, Any]:
    """At most so many."""
    return {"per": per, "period": period, "measure": measure, "most": most}


def a_view() -> CheckoutView:
    """Of an empty database."""
    return CheckoutView(
        stored=None,
        asked=None,
        granted=(),
        customer=None,
        past=(),
        snapshots_fresh_at=None,
        reached_at=None,
        revisions=Revisions(),
    )
