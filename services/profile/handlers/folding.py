"""From facets to customers: a folder claims dirty customers, folds each from its facets and raises its snapshot's version."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from libs.common.contracts import new_event
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from libs.ranking.state import CustomerRankingState
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.figures import Figures
from services.profile.domain.ranking_state import ranking_state
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.contacts import seconds_of
from services.profile.handlers.memberships import SOURCE, settle_memberships
from services.profile.handlers.worth import Worth, worth_of
from services.profile.ports import ConsentRow, CustomerRow, FacetRow, ProfileStore
from services.profile.ports.segments import MovedRow


@dataclass(frozen=True, slots=True)
class Folded:
    """What one round did: `accepted` are the acceptance times of the views that it made, `moved` who changed segments."""

    marks: int
    customers: int
    accepted: tuple[datetime, ...] = ()
    moved: Sequence[MovedRow] = ()


class Judging(Protocol):
    """Where the newest return model and the rules in force come from."""

    async def newest(self, store: ProfileStore) -> "Judgement":
        """Both, as they are until the commit."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a customer is judged by."""

    returns: ReturnChance
    rules: RulesInForce


async def fold_dirty(store: ProfileStore, limit: int, judging: Judging) -> Folded:
    """Fold the customers behind up to `limit` marks.

    Facets are read after the customers are locked, so that no change is missed: who commits later left a mark of its own.
    """
    marks = await store.customers.claim_dirty(limit)
    if not marks:
        return Folded(0, 0)
    judgement = await judging.newest(store)
    current = set(await store.customers.current_ids(marks))
    versions = await store.customers.lock_versions(current, set(marks) - current)
    facets = await store.customers.facets(versions)
    consents = await store.customers.consents([row.identifier for rows in facets.values() for row in rows])
    views = [
        _view_of(_Known(customer_id, versions[customer_id] + 1, facets.get(customer_id, ()), consents), judgement)
        for customer_id in sorted(versions)
        if versions[customer_id] or customer_id in facets
    ]
    await store.customers.save(views)
    moved = await settle_memberships(store, views, judgement.rules)
    accepted = tuple(view.accepted_at for view in views if view.accepted_at is not None)
    return Folded(len(marks), len(views), accepted, moved)


async def figures_of_customers(
    store: ProfileStore, customer_ids: Collection[str], returns: ReturnChance
) -> Mapping[str, Figures]:
    """What rules would look at, of each customer that has facets, as they are: nothing is locked."""
    facets = await store.customers.facets(customer_ids)
    consents = await store.customers.consents([row.identifier for rows in facets.values() for row in rows])
    return {
        customer_id: _weighed(_Known(customer_id, 0, rows, consents), returns).worth.figures
        for customer_id, rows in facets.items()
    }


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


def _view_of(known: _Known, judgement: Judgement) -> CustomerRow:
    if not known.rows:
        return CustomerRow(customer_id=known.customer_id, version=known.version, accepted_at=None, message=None)
    snapshot = _snapshot_of(known, judgement)
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
        segments=snapshot.segments,
        as_of=snapshot.as_of,
    )


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What a view says of its facets, before rules are asked."""

    facet: Facet
    state: CustomerRankingState
    as_of: datetime
    consents: tuple[ConsentInForce, ...]
    worth: Worth


def _weighed(known: _Known, returns: ReturnChance) -> _Weighed:
    facet = fold(row.facet for row in known.rows)
    words = [word for row in known.rows for word in known.consents.get(row.identifier, ())]
    as_of = newest_event_at(facet, words)
    state = ranking_state(facet)
    currency = min((row.effects.currency for row in known.rows if row.effects.currency is not None), default=None)
    in_force = consents_in_force(words)
    worth = worth_of(facet, state, seconds_of(as_of), returns, currency, in_force)
    return _Weighed(facet, state, as_of, in_force, worth)


def _snapshot_of(known: _Known, judgement: Judgement) -> ProfileSnapshot:
    """The customer that these facets make up: a function of them, the return model and the rules, whatever the time of day."""
    weighed = _weighed(known, judgement.returns)
    return ProfileSnapshot(
        customer_id=known.customer_id,
        version=known.version,
        identifiers=tuple(identifier_of(row.identifier) for row in known.rows),
        as_of=weighed.as_of,
        accepted_at=known.accepted_at or weighed.as_of,
        consents=weighed.consents,
        segments=judgement.rules.segments_of(weighed.worth.figures),
        value=weighed.worth.value,
        open_complaint=has_open_complaint(weighed.facet),
        ranking_state=weighed.state.to_json(),
    )
