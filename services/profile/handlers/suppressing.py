"""Events of people who were forgotten have no effect: whatever comes late, again, or in a rebuild."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from libs.common.contracts import Contract, Event, identifier_fields
from libs.common.contracts.offers import VoucherFact
from services.profile.handlers.sales import SaleRead
from services.profile.ports import ProfileStore


async def unsuppressed(store: ProfileStore, events: Sequence[Event]) -> Sequence[Event]:
    """The events that may have an effect. Until the commit nobody can be forgotten: their effect is there to be erased, or none.

    An event of an erased identifier counts only if it happened after the erasure.
    """
    await store.privacy.share()
    erased = await store.privacy.suppressed({name for event in events for name in names_in(event.data)})
    return effective(events, erased) if erased else events


def effective(events: Sequence[Event], erased: Mapping[str, datetime]) -> Sequence[Event]:
    """The events that happened after the erasure of every name in them that was erased."""
    return [
        event
        for event in events
        if not any(name in erased and event.occurred_at <= erased[name] for name in names_in(event.data))
    ]


def names_in(body: Contract | SaleRead) -> Sequence[str]:
    """The keys of the identifiers in a body, or the customer id that a fact of offers names."""
    if isinstance(body, VoucherFact):
        return () if body.customer_id is None else (body.customer_id,)
    found = (getattr(body, member) for member in _members(type(body)))
    return [identifier.key for identifier in found if identifier is not None]


@cache
def _members(model: type[Contract] | type[SaleRead]) -> Sequence[str]:
    if issubclass(model, SaleRead):
        return ("customer",)
    return tuple(place[0] for place in identifier_fields(model) if len(place) == 1)
