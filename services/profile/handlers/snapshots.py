"""A customer as the other services see it: made of its facets, its consents and the newest return model. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.common.contracts import new_event
from libs.common.contracts.consent import Purpose
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from libs.ranking.state import CustomerRankingState
from services.profile.domain.delta import Effects
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.facet_codec import Rows, about_time, facet_of_rows
from services.profile.domain.ranking_state import ranking_state, ranking_state_of_rows
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.contacts import seconds_of
from services.profile.handlers.worth import worth_of
from services.profile.ports import ConsentRow, CustomerRow

SOURCE = "urn:the-usual:profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetInView:
    """One of the facets that a view is made of."""

    identifier: str
    rows: Rows
    effects: Effects
    consents: Sequence[ConsentRow]


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


def tombstone(customer_id: str, version: int) -> CustomerRow:
    """For an id that stands for no customer any more."""
    return CustomerRow(customer_id=customer_id, version=version, accepted_at=None, message=None)


def view_of(customer_id: str, version: int, facets: Sequence[FacetInView], returns: ReturnChance) -> CustomerRow:
    """The customer that these facets (at least one) make up, as a message of its topic."""
    accepted = [facet.effects.accepted_at for facet in facets if facet.effects.accepted_at is not None]
    accepted_at = max(accepted, default=None)
    snapshot = _snapshot_of(customer_id, version, facets, accepted_at, returns)
    event = new_event(
        snapshot,
        event_id=f"{customer_id}:{version}",
        source=SOURCE,
        occurred_at=snapshot.as_of,
        received_at=snapshot.accepted_at,
    )
    return CustomerRow(
        customer_id=customer_id,
        version=version,
        accepted_at=accepted_at,
        message=OutboxMessage.of(event, PROFILE_SNAPSHOTS),
    )


def _snapshot_of(
    customer_id: str, version: int, facets: Sequence[FacetInView], accepted_at: datetime | None, returns: ReturnChance
) -> ProfileSnapshot:
    """A function of the facets and the return model, whatever the time of day."""
    facet, state = _folded([facet.rows for facet in facets])
    words = [word for facet in facets for word in facet.consents]
    as_of = newest_event_at(facet, words)
    currency = min((one.effects.currency for one in facets if one.effects.currency is not None), default=None)
    consents = consents_in_force(words)
    plain = ProfileSnapshot(
        customer_id=customer_id,
        version=version,
        identifiers=tuple(identifier_of(facet.identifier) for facet in facets),
        as_of=as_of,
        accepted_at=accepted_at or as_of,
        consents=consents,
        open_complaint=has_open_complaint(facet),
    )
    if objects_to_profiling(consents):
        return plain
    worth = worth_of(facet, state, seconds_of(as_of), returns, currency)
    return plain.model_copy(update={"segments": worth.segments, "value": worth.value, "ranking_state": state.to_json()})


def _folded(parts: Sequence[Rows]) -> tuple[Facet, CustomerRankingState]:
    """What the views tell of: when, how much, what waits; and the trips. A single facet need not be unpacked for that."""
    if len(parts) == 1:
        return about_time(parts[0]), ranking_state_of_rows(parts[0])
    facet = fold(map(facet_of_rows, parts))
    return facet, ranking_state(facet)
