"""A customer as the other services see it: made of its facets, its consents, the newest return model and the rules in force. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.common.contracts import new_event
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from libs.ranking.state import CustomerRankingState
from services.profile.domain.delta import Effects
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.facet_codec import Rows, about_time, facet_of_rows, periods_of
from services.profile.domain.figures import objects_to_profiling, words_of
from services.profile.domain.ranking_state import ranking_state, ranking_state_of_rows
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.worth import Known, worth_of
from services.profile.ports import ConsentRow, CustomerRow, FacetRow

SOURCE = "urn:the-usual:profile"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a customer is judged by."""

    returns: ReturnChance
    rules: RulesInForce


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


def known_of(rows: Sequence[FacetRow], consents: Iterable[ConsentRow]) -> Known:
    """What is known of the customer with these facets (at least one), whether folded or not."""
    facet, words = fold(row.facet for row in rows), list(consents)
    return Known(
        facet=facet,
        state=ranking_state(facet),
        as_of=newest_event_at(facet, words),
        currency=_currency(row.effects for row in rows),
        consents=consents_in_force(words),
        periods=lambda: facet.periods,
    )


def view_of(customer_id: str, version: int, facets: Sequence[FacetInView], judgement: Judgement) -> CustomerRow:
    """The customer that these facets (at least one) make up, as a message of its topic."""
    known = _known(facets)
    accepted_at = max((at for facet in facets if (at := facet.effects.accepted_at) is not None), default=None)
    identifiers = tuple(identifier_of(facet.identifier) for facet in facets)
    plain = ProfileSnapshot(
        customer_id=customer_id,
        version=version,
        identifiers=identifiers,
        as_of=known.as_of,
        accepted_at=accepted_at or known.as_of,
        consents=known.consents,
        open_complaint=has_open_complaint(known.facet),
    )
    objects = objects_to_profiling(words_of(known.consents))
    snapshot = plain if objects else _derived(plain, known, judgement)
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
        segments=snapshot.segments,
        as_of=snapshot.as_of,
        objects=objects,
    )


def _derived(plain: ProfileSnapshot, known: Known, judgement: Judgement) -> ProfileSnapshot:
    """With all that follows from what is known, the model and the rules, whatever the time of day."""
    worth = worth_of(known, judgement.returns)
    return plain.model_copy(
        update={
            "segments": judgement.rules.segments_of(worth.figures),
            "value": worth.value,
            "ranking_state": known.state.to_json(),
        }
    )


def _known(parts: Sequence[FacetInView]) -> Known:
    facet, state = _folded([part.rows for part in parts])
    words = [word for part in parts for word in part.consents]
    return Known(
        facet=facet,
        state=state,
        as_of=newest_event_at(facet, words),
        currency=_currency(part.effects for part in parts),
        consents=consents_in_force(words),
        periods=lambda: periods_of(parts[0].rows) if len(parts) == 1 else facet.periods,
    )


def _folded(parts: Sequence[Rows]) -> tuple[Facet, CustomerRankingState]:
    """What the views tell of: when, how much, what waits; and the trips. A single facet need not be unpacked for that."""
    if len(parts) == 1:
        return about_time(parts[0]), ranking_state_of_rows(parts[0])
    facet = fold(map(facet_of_rows, parts))
    return facet, ranking_state(facet)


def _currency(effects: Iterable[Effects]) -> str | None:
    """Of several the first by name."""
    return min((one.currency for one in effects if one.currency is not None), default=None)
