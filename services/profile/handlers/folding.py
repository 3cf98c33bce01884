"""From facets to customers: a folder claims dirty customers, works in what their facets were told, and raises their views' versions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from services.profile.domain.delta import decode_delta, effects_of, plus
from services.profile.domain.facet_codec import read_rows, write_rows
from services.profile.domain.growing import GrowingFacet
from services.profile.handlers.memberships import settle_memberships
from services.profile.handlers.snapshots import FacetInView, Judgement, tombstone, view_of
from services.profile.ports import ConsentRow, CustomerRow, FoldedFacet, GrownFacet, LearnerState, Mark, ProfileStore
from services.profile.ports.segments import MovedRow

BEHIND_SECONDS = 2.0
"""Records that are older when they are applied come late."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What one round did: `accepted` are the acceptance times of the views that it made, `moved` who changed segments."""

    marks: int
    customers: int
    accepted: tuple[datetime, ...] = ()
    moved: Sequence[MovedRow] = ()


class Customer(Struct, frozen=True, array_like=True, gc=False):
    """One customer as it was locked: each facet with the deltas that it is told, in bytes. `shown`: a view is to be made."""

    customer_id: str
    version: int
    facets: Sequence[tuple[FoldedFacet, Sequence[bytes], Sequence[ConsentRow]]]
    shown: bool


class Outcome(Struct, frozen=True, array_like=True, gc=False):
    """What is to be stored of one customer."""

    facets: Sequence[GrownFacet]
    view: CustomerRow | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What customers are judged by, in bytes: the return model, the rules with their number, the versions of those in force."""

    returns: LearnerState | None = None
    number: int = -1
    segments: bytes = b"[]"
    versions: Mapping[str, int] = field(default_factory=dict)


class Folding(Protocol):
    """Who does the work: this process, or others beside it."""

    async def grounds(self, store: ProfileStore) -> Grounds:
        """The newest ones; until the commit nobody saves other rules."""
        ...

    async def fold(self, grounds: Grounds, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """`fold_customers` on these grounds."""
        ...


def patience_seconds(behind_seconds: float, longest_seconds: float, *, crowded: bool) -> float:
    """How long a change may wait for others of its customer: no longer than it came late itself, and `longest_seconds`.

    A customer who is folded once for many changes costs a fraction. `crowded`: memory holds no more of what waits.
    """
    if behind_seconds <= BEHIND_SECONDS or crowded:
        return 0.0
    return min(behind_seconds, longest_seconds)


async def fold_dirty(store: ProfileStore, limit: int, folding: Folding, *, waited_seconds: float = 0.0) -> Folded:
    """Work in what up to `limit` marks, and all others of the same customers, tell; make the views anew that this changes.

    Nothing is done until the oldest mark has waited for `waited_seconds`.

    Marks are taken after the customers and their facets are locked, so that no change is missed: who commits later left
    a mark of its own.
    """
    dirty = await store.customers.dirty(limit, waited_seconds)
    if not dirty:
        return Folded(0, 0)
    grounds = await folding.grounds(store)
    members = await store.customers.members(dirty)
    current = set(members.values())
    versions = await store.customers.lock_versions(current, members.keys() - current)
    locked = await store.customers.lock_facets(current)
    # Of these alone: an id that came or went meanwhile keeps its marks, for a round that has locked all that it is about.
    marks = await store.customers.take_marks({facet.own_customer_id for facet in locked} & members.keys())
    consents = await store.customers.consents([facet.identifier for facet in locked])
    outcomes = await folding.fold(grounds, _customers(versions, locked, marks, consents))
    await store.customers.save_facets([facet for outcome in outcomes for facet in outcome.facets])
    views = [outcome.view for outcome in outcomes if outcome.view is not None]
    alive = {facet.customer_id for facet in locked}
    gone = sorted({mark.own_customer_id for mark in marks if mark.shown} - alive)
    views += [tombstone(name, versions[name] + 1) for name in gone if versions.get(name)]
    await store.customers.save(views)
    moved = await settle_memberships(store, views, grounds.versions)
    accepted = tuple(view.accepted_at for view in views if view.accepted_at is not None)
    return Folded(len(marks), len(views), accepted, moved)


def fold_customers(customers: Sequence[Customer], judgement: Judgement) -> list[Outcome]:
    """Work the deltas in, and make the views. Pure: the same bytes, model and rules give the same outcome anywhere."""
    return [_outcome(customer, judgement) for customer in customers]


def _customers(
    versions: Mapping[str, int],
    locked: Sequence[FoldedFacet],
    marks: Sequence[Mark],
    consents: Mapping[str, Sequence[ConsentRow]],
) -> list[Customer]:
    told: defaultdict[str, list[bytes]] = defaultdict(list)
    for mark in marks:
        if mark.delta is not None:
            told[mark.own_customer_id].append(mark.delta)
    shown = {mark.own_customer_id for mark in marks if mark.shown}
    facets: defaultdict[str, list[FoldedFacet]] = defaultdict(list)
    for facet in locked:
        facets[facet.customer_id].append(facet)
    return [
        Customer(
            name,
            versions[name] + 1,
            [(facet, told[facet.own_customer_id], consents.get(facet.identifier, ())) for facet in some],
            any(facet.own_customer_id in shown for facet in some),
        )
        for name, some in sorted(facets.items())
    ]


def _outcome(customer: Customer, judgement: Judgement) -> Outcome:
    stored: list[GrownFacet] = []
    parts = []
    for facet, deltas, consents in customer.facets:
        effects = facet.effects
        if deltas:
            told = [decode_delta(delta) for delta in deltas]
            growing, added = GrowingFacet(facet.state), effects_of(*told)
            for delta in told:
                growing.hear(delta)
            rows, effects = growing.settle(), plus(effects, added)
            stored.append(GrownFacet(identifier=facet.identifier, state=write_rows(rows), added=added))
        elif customer.shown:
            rows = read_rows(facet.state)
        else:
            continue
        parts.append(FacetInView(identifier=facet.identifier, rows=rows, effects=effects, consents=consents))
    view = view_of(customer.customer_id, customer.version, parts, judgement) if customer.shown else None
    return Outcome(stored, view)
