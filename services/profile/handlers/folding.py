"""From facets to customers: a folder claims dirty customers, folds each from its facets and raises its snapshot's version."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Protocol

from libs.common.contracts import new_event
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from services.profile.domain.delta import Delta, Effects, effects_of, grown, plus
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.facet_codec import decode, encode
from services.profile.domain.ranking_state import ranking_state
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.contacts import seconds_of
from services.profile.handlers.worth import worth_of
from services.profile.ports import ConsentRow, CustomerRow, FacetRow, FoldedFacet, GrownFacet, ProfileStore

SOURCE = "urn:the-usual:profile"


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
    current = set(await store.customers.current_ids(dirty))
    versions = await store.customers.lock_versions(current, set(dirty) - current)
    locked = await store.customers.lock_facets(versions)
    marks = await store.customers.take_marks({*dirty, *(facet.own_customer_id for facet in locked)})
    told: defaultdict[str, list[Delta]] = defaultdict(list)
    for mark in marks:
        if mark.delta is not None:
            told[mark.own_customer_id].append(mark.delta)
    grown_facets = [grown_facet(facet, told[facet.own_customer_id]) for facet in locked]
    await store.customers.save_facets(
        [stored for facet, (stored, _) in zip(locked, grown_facets, strict=True) if told[facet.own_customer_id]]
    )
    facets: defaultdict[str, list[FacetRow]] = defaultdict(list)
    for _, row in grown_facets:
        facets[row.customer_id].append(row)
    views = await _views(store, versions, facets, {mark.own_customer_id for mark in marks if mark.shown}, returns)
    accepted = tuple(view.accepted_at for view in views if view.accepted_at is not None)
    return Folded(len(marks), len(views), accepted)


def grown_facet(locked: FoldedFacet, told: Sequence[Delta]) -> tuple[GrownFacet, FacetRow]:
    """A facet with its deltas worked in: as it is stored, and as views read it."""
    facet = reduce(grown, told, decode(locked.state))
    added = reduce(plus, map(effects_of, told), Effects())
    row = FacetRow(
        identifier=locked.identifier,
        own_customer_id=locked.own_customer_id,
        customer_id=locked.customer_id,
        facet=facet,
        effects=plus(locked.effects, added),
    )
    return GrownFacet(identifier=locked.identifier, state=encode(facet), added=added), row


async def _views(
    store: ProfileStore,
    versions: Mapping[str, int],
    facets: Mapping[str, Sequence[FacetRow]],
    shown: Collection[str],
    returns: ReturnChance,
) -> list[CustomerRow]:
    """The views that marks ask for: of customers with such a mark, and tombstones of ids that are no customers any more."""
    wanted = [
        customer_id
        for customer_id in sorted(versions)
        if any(row.own_customer_id in shown for row in facets.get(customer_id, ()))
        or (versions[customer_id] and customer_id in shown and customer_id not in facets)
    ]
    names = [row.identifier for customer_id in wanted for row in facets.get(customer_id, ())]
    consents = await store.customers.consents(names)
    views = [
        _view_of(_Known(customer_id, versions[customer_id] + 1, facets.get(customer_id, ()), consents), returns)
        for customer_id in wanted
    ]
    await store.customers.save(views)
    return views


def consents_in_force(rows: Iterable[ConsentRow]) -> tuple[ConsentInForce, ...]:
    """The newest word per purpose and channel over all identifiers of a customer."""
    newest: dict[tuple[str, str], ConsentRow] = {}
    for row in rows:
        known = newest.get((row.purpose, row.channel))
        if known is None or (known.occurred_at, known.event_id) < (row.occurred_at, row.event_id):
            newest[row.purpose, row.channel] = row
    return tuple(
        ConsentInForce(purpose=row.purpose, channel=row.channel, granted=row.granted)
        for _, row in sorted(newest.items())
    )


def identifier_of(key: str) -> Identifier:
    """The identifier whose key this is."""
    kind, _, value = key.partition(":")
    return Identifier(kind=IdentifierKind(kind), value=value)


def newest_event_at(facet: Facet, consents: Iterable[ConsentRow]) -> datetime:
    """The newest event time of what is known; the epoch when only links are."""
    seconds = max(facet.last_at_seconds, 0)
    return max([datetime.fromtimestamp(seconds, UTC), *(row.occurred_at for row in consents)])


@dataclass(frozen=True, slots=True)
class _Known:
    """What one view is made of."""

    customer_id: str
    version: int
    rows: Sequence[FacetRow]
    consents: Mapping[str, Sequence[ConsentRow]]

    @property
    def accepted_at(self) -> datetime | None:
        """When the door accepted the newest of it."""
        accepted = (row.effects.accepted_at for row in self.rows)
        return max((at for at in accepted if at is not None), default=None)


def _view_of(known: _Known, returns: ReturnChance) -> CustomerRow:
    if not known.rows:
        return CustomerRow(customer_id=known.customer_id, version=known.version, accepted_at=None, message=None)
    snapshot = _snapshot_of(known, returns)
    event = new_event(
        snapshot,
        event_id=f"{known.customer_id}:{known.version}",
        source=SOURCE,
        occurred_at=snapshot.as_of,
        received_at=snapshot.accepted_at,
    )
    return CustomerRow(
        customer_id=known.customer_id,
        version=known.version,
        accepted_at=known.accepted_at,
        message=OutboxMessage.of(event, PROFILE_SNAPSHOTS),
    )


def _snapshot_of(known: _Known, returns: ReturnChance) -> ProfileSnapshot:
    """The customer that these facets make up: a function of them and the return model, whatever the time of day."""
    facet = fold(row.facet for row in known.rows)
    words = [word for row in known.rows for word in known.consents.get(row.identifier, ())]
    as_of = newest_event_at(facet, words)
    state = ranking_state(facet)
    currency = min((row.effects.currency for row in known.rows if row.effects.currency is not None), default=None)
    worth = worth_of(facet, state, seconds_of(as_of), returns, currency)
    return ProfileSnapshot(
        customer_id=known.customer_id,
        version=known.version,
        identifiers=tuple(identifier_of(row.identifier) for row in known.rows),
        as_of=as_of,
        accepted_at=known.accepted_at or as_of,
        consents=consents_in_force(words),
        segments=worth.segments,
        value=worth.value,
        open_complaint=has_open_complaint(facet),
        ranking_state=state.to_json(),
    )
