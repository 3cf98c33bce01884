"""Events of people who were forgotten have no effect: whatever comes late, again, or in a rebuild."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from libs.common.contracts import Contract, Event, identifier_fields
from libs.common.contracts.offers import VoucherFact
from services.profile.domain.purchases import Bought
from services.profile.ports import ProfileStore


async def unsuppressed(store: ProfileStore, events: Sequence[Event]) -> Sequence[Event]:
    """The events that may have an effect. Until the commit nobody can be forgotten: their effect is there to be erased, or none.

    An event of an erased identifier counts only if it happened after the erasure, and was accepted after it: a clock
    that is ahead is believed to some extent.
    """
    await store.privacy.share()
    erased = await store.privacy.suppressed(_all_names(events))
    return effective(events, erased) if erased else events


def _all_names(events: Sequence[Event]) -> set[str]:
    names: set[str] = set()
    for event in events:
        names.update(names_in(event.data))
    return names


def effective(events: Sequence[Event], erased: Mapping[str, datetime]) -> Sequence[Event]:
    """The events that happened and were accepted after the erasure of every name in them that was erased."""
    return [
        event
        for event in events
        if not any(name in erased and _earliest(event) <= erased[name] for name in names_in(event.data))
    ]


def _earliest(event: Event) -> datetime:
    return event.occurred_at if event.received_at is None else min(event.occurred_at, event.received_at)


def names_in(body: Contract | Bought) -> Sequence[str]:
    """The keys of the identifiers in a body, or the customer id that a fact of offers names."""
    if type(body) is Bought:
        return () if body.holder is None else (body.holder,)
    if isinstance(body, VoucherFact):
        return () if body.customer_id is None else (body.customer_id,)
    found = (getattr(body, member) for member in _members(type(body)))
    return [identifier.key for identifier in found if identifier is not None]


@cache
def _members(model: type[Contract]) -> Sequence[str]:
    return tuple(place[0] for place in identifier_fields(model) if len(place) == 1)
