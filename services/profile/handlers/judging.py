"""Customers judged as they are, folded or not, and nothing locked: for previews of rules, and for who looks whom a new rule moves."""

from collections.abc import Collection, Mapping
from typing import Protocol

from services.profile.domain.figures import Figures
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.snapshots import Judgement, known_of
from services.profile.handlers.worth import worth_of
from services.profile.ports import ProfileStore


class Judging(Protocol):
    """Where the newest return model and the rules in force come from."""

    async def newest(self, store: ProfileStore) -> Judgement:
        """Both, as they are until the commit."""
        ...


async def figures_of_customers(
    store: ProfileStore, customer_ids: Collection[str], returns: ReturnChance
) -> Mapping[str, Figures]:
    """What rules would look at, of each customer that has facets."""
    facets = await store.customers.facets(customer_ids)
    consents = await store.customers.consents([row.identifier for rows in facets.values() for row in rows])
    return {
        customer_id: worth_of(
            known_of(rows, (word for row in rows for word in consents.get(row.identifier, ()))), returns
        ).figures
        for customer_id, rows in facets.items()
    }
