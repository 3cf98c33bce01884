"""From facets to customers: a folder claims dirty customers, folds each from its facets and raises its snapshot's version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from libs.common.contracts import new_event
from libs.common.contracts.consent import Purpose
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.ranking_state import ranking_state
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.contacts import seconds_of
from services.profile.handlers.worth import worth_of
from services.profile.ports import ConsentRow, CustomerRow, FacetRow, ProfileStore

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
    """Fold the customers behind up to `limit` marks.

    Facets are read after the customers are locked, so that no change is missed: who commits later left a mark of its own.
    """
    marks = await store.customers.claim_dirty(limit)
    if not marks:
        return Folded(0, 0)
    returns = await model.newest(store)
    current = set(await store.customers.current_ids(marks))
    versions = await store.customers.lock_versions(current, set(marks) - current)
    facets = await store.customers.facets(versions)
    consents = await store.customers.consents([row.identifier for rows in facets.values() for row in rows])
    views = [
        _view_of(_Known(customer_id, versions[customer_id] + 1, facets.get(customer_id, ()), consents), returns)
        for customer_id in sorted(versions)
        if versions[customer_id] or customer_id in facets
    ]
    await store.customers.save(views)
    accepted = tuple(view.accepted_at for view in views if view.accepted_at is not None)
    return Folded(len(marks), len(views), accepted)


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


def objects_to_profiling(consents: Iterable[ConsentInForce]) -> bool:
    """Whether the customer denied profiling, on whatever channel: then what was counted stays, and nothing is derived from it."""
    return any(word.purpose == Purpose.PROFILING and not word.granted for word in consents)


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
    consents = consents_in_force(words)
    plain = ProfileSnapshot(
        customer_id=known.customer_id,
        version=known.version,
        identifiers=tuple(identifier_of(row.identifier) for row in known.rows),
        as_of=as_of,
        accepted_at=known.accepted_at or as_of,
        consents=consents,
        open_complaint=has_open_complaint(facet),
    )
    if objects_to_profiling(consents):
        return plain
    state = ranking_state(facet)
    currency = min((row.effects.currency for row in known.rows if row.effects.currency is not None), default=None)
    worth = worth_of(facet, state, seconds_of(as_of), returns, currency)
    return plain.model_copy(update={"segments": worth.segments, "value": worth.value, "ranking_state": state.to_json()})
