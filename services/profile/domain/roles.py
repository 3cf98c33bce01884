"""Who sees what of a customer, as data: each role of staff, and the sights that it has; the API masks everything else."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Sight(StrEnum):
    """A part of a customer's page, or something that may be asked for."""

    IDENTIFIERS = "identifiers"
    FIRST_CONTACT = "first_contact_at"
    TOTALS = "totals"
    CONSENTS = "consents"
    SEGMENTS = "segments"
    TIER = "tier"
    """How valuable in one word: what a till shows."""
    VALUE = "value"
    """In money, with its drivers."""
    OPEN_COMPLAINT = "open_complaint"
    FAVOURITE_ITEMS = "favourite_items"
    CATEGORIES = "categories"
    ANSWERS = "answers"
    COUNTS = "counts"
    NEXT_BASKET = "next_basket"
    HEALTH = "health"
    SEARCH = "search"
    """Finding customers without knowing an identifier."""


EVERYTHING = frozenset(Sight)


class Role(StrEnum):
    """Who asks; the scope of a key is `customers:` and this."""

    SYSTEM = "read"
    """The chain's own programs."""
    CASHIER = "cashier"
    STORE_MANAGER = "store_manager"
    MARKETING = "marketing"
    SERVICE_DESK = "service_desk"
    PRIVACY = "privacy"

    @property
    def scope(self) -> str:
        """What a key must carry to ask in this role."""
        return f"customers:{self.value}"


SIGHTS: Mapping[Role, frozenset[Sight]] = {
    Role.SYSTEM: EVERYTHING,
    Role.PRIVACY: EVERYTHING - {Sight.NEXT_BASKET},
    Role.CASHIER: frozenset({Sight.TIER, Sight.OPEN_COMPLAINT}),
    Role.STORE_MANAGER: frozenset(
        {
            *(Sight.TIER, Sight.VALUE, Sight.TOTALS, Sight.FIRST_CONTACT, Sight.SEGMENTS, Sight.OPEN_COMPLAINT),
            *(Sight.FAVOURITE_ITEMS, Sight.CATEGORIES, Sight.ANSWERS, Sight.NEXT_BASKET, Sight.HEALTH),
        }
    ),
    Role.MARKETING: frozenset(
        {
            *(Sight.TIER, Sight.VALUE, Sight.TOTALS, Sight.FIRST_CONTACT, Sight.SEGMENTS, Sight.CONSENTS, Sight.COUNTS),
            *(Sight.FAVOURITE_ITEMS, Sight.CATEGORIES, Sight.ANSWERS, Sight.NEXT_BASKET, Sight.HEALTH, Sight.SEARCH),
        }
    ),
    Role.SERVICE_DESK: frozenset(
        {
            *(Sight.IDENTIFIERS, Sight.FIRST_CONTACT, Sight.TIER, Sight.TOTALS, Sight.CONSENTS, Sight.OPEN_COMPLAINT),
            *(Sight.ANSWERS, Sight.COUNTS, Sight.HEALTH),
        }
    ),
}


def sights_of(roles: Iterable[Role]) -> frozenset[Sight]:
    """What somebody in all these roles sees."""
    return frozenset().union(*(SIGHTS[role] for role in roles))
