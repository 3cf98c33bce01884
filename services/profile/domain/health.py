"""What is missing in what we know of a customer, so that staff know how far to trust it. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.profile.domain.facet import Facet

_UNLINKED_KINDS = frozenset({"web_visitor", "app"})


class Missing(StrEnum):
    """A gap in a profile."""

    VIEW = "view"
    """It was not summed up yet."""
    PUBLISHED_VIEW = "published_view"
    """The other services do not have the newest view yet."""
    NEWEST_CHANGES = "newest_changes"
    """Something happened that the view does not hold yet."""
    CONSENT = "consent"
    """Nobody asked, or nobody answered: nothing may be done personally."""
    PURCHASES = "purchases"
    CATALOGUE_LABELS = "catalogue_labels"
    """Items were bought whose category no catalogue told of before."""
    SALES_OF_RETURNS = "sales_of_returns"
    """Goods came back whose sale is not known."""
    LINK = "link"
    """Only a browser or an app: who it belongs to is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a profile's health is read from."""

    facet: Facet
    kinds: Collection[str]
    consents_count: int
    version: int
    published_version: int
    waiting_count: int
    parked_count: int


def gaps_of(known: Condition) -> Iterator[tuple[Missing, int | None]]:
    """What is missing, and how much of it where that can be said."""
    if not known.version:
        yield Missing.VIEW, None
    elif known.published_version < known.version:
        yield Missing.PUBLISHED_VIEW, None
    if known.waiting_count:
        yield Missing.NEWEST_CHANGES, known.waiting_count
    if not known.consents_count:
        yield Missing.CONSENT, None
    yield from _gaps_of_contacts(known)


def _gaps_of_contacts(known: Condition) -> Iterator[tuple[Missing, int | None]]:
    bought = [tally for tally in known.facet.items.values() if tally.baskets]
    if not bought:
        yield Missing.PURCHASES, None
    unlabelled = sum(not tally.label[2] for tally in bought)
    if unlabelled:
        yield Missing.CATALOGUE_LABELS, unlabelled
    if known.parked_count:
        yield Missing.SALES_OF_RETURNS, known.parked_count
    if set(known.kinds) <= _UNLINKED_KINDS:
        yield Missing.LINK, None
