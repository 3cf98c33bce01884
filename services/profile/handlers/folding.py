"""From facets to customers: a folder claims dirty customers, works in what their facets were told, and raises their views' versions."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.profile.domain.delta import Delta, Effects, effects_of, plus
from services.profile.domain.facet_codec import Rows, read_rows, write_rows
from services.profile.domain.growing import GrowingFacet
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.snapshots import FacetInView, tombstone, view_of
from services.profile.ports import ConsentRow, CustomerRow, FoldedFacet, GrownFacet, ProfileStore


@dataclass(frozen=True, slots=True)
class Folded:
    """What one round did; `accepted` are the acceptance times of the views that it made."""

    marks: int
    customers: int
    accepted: tuple[datetime, ...] = ()


class ReturnSource(Protocol):
    """Where the newest return model comes from."""

    async def newest(self, store: ProfileStore) -> ReturnChance:
        """The model to predict with."""
        ...


async def fold_dirty(store: ProfileStore, limit: int, model: ReturnSource) -> Folded:
    """Work in what up to `limit` marks, and all others of the same customers, tell; make the views anew that this changes.

    Marks are taken after the customers and their facets are locked, so that no change is missed: who commits later left
    a mark of its own.
    """
    dirty = await store.customers.dirty(limit)
    if not dirty:
        return Folded(0, 0)
    returns = await model.newest(store)
    members = await store.customers.members(dirty)
    current = set(members.values())
    versions = await store.customers.lock_versions(current, members.keys() - current)
    locked = await store.customers.lock_facets(current)
    # Of these alone: an id that came or went meanwhile keeps its marks, for a round that has locked all that it is about.
    marks = await store.customers.take_marks({facet.own_customer_id for facet in locked} & members.keys())
    told: defaultdict[str, list[Delta]] = defaultdict(list)
    for mark in marks:
        if mark.delta is not None:
            told[mark.own_customer_id].append(mark.delta)
    facets = [_told(facet, told[facet.own_customer_id]) for facet in locked]
    await store.customers.save_facets([facet.stored for facet in facets if facet.stored is not None])
    views = await _views(store, versions, facets, {mark.own_customer_id for mark in marks if mark.shown}, returns)
    accepted = tuple(view.accepted_at for view in views if view.accepted_at is not None)
    return Folded(len(marks), len(views), accepted)


@dataclass(frozen=True, slots=True)
class _Facet:
    """A facet after what it was told; `stored` when that is anything."""

    locked: FoldedFacet
    rows: Rows
    effects: Effects
    stored: GrownFacet | None = None


def _told(locked: FoldedFacet, deltas: Sequence[Delta]) -> _Facet:
    if not deltas:
        return _Facet(locked, read_rows(locked.state), locked.effects)
    growing = GrowingFacet(locked.state)
    for delta in deltas:
        growing.tell(delta.contacts, quiet=delta.quiet)
    rows, added = growing.settle(), effects_of(*deltas)
    stored = GrownFacet(identifier=locked.identifier, state=write_rows(rows), added=added)
    return _Facet(locked, rows, plus(locked.effects, added), stored)


async def _views(
    store: ProfileStore,
    versions: Mapping[str, int],
    facets: Sequence[_Facet],
    shown: Collection[str],
    returns: ReturnChance,
) -> list[CustomerRow]:
    """The views that marks ask for: of customers with such a mark, and tombstones of ids that are no customers any more."""
    parts: defaultdict[str, list[_Facet]] = defaultdict(list)
    for facet in facets:
        parts[facet.locked.customer_id].append(facet)
    wanted = [name for name, some in parts.items() if any(part.locked.own_customer_id in shown for part in some)]
    consents = await store.customers.consents([part.locked.identifier for name in wanted for part in parts[name]])
    views = [
        view_of(name, versions[name] + 1, [_in_view(part, consents) for part in parts[name]], returns)
        for name in wanted
    ]
    gone = [name for name, version in versions.items() if version and name in shown and name not in parts]
    views += [tombstone(name, versions[name] + 1) for name in gone]
    await store.customers.save(views)
    return views


def _in_view(facet: _Facet, consents: Mapping[str, Sequence[ConsentRow]]) -> FacetInView:
    identifier = facet.locked.identifier
    return FacetInView(
        identifier=identifier, rows=facet.rows, effects=facet.effects, consents=consents.get(identifier, ())
    )
