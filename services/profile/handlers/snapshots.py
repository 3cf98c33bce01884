"""A customer as the other services see it: made of its facets, its consents, the newest return model and the rules in force. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from msgspec import structs

from libs.common.contracts import Event, new_event
from libs.common.contracts.profile import ConsentInForce, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.persistence import OutboxMessage
from services.profile.domain.delta import Effects
from services.profile.domain.facet import Facet, fold, has_open_complaint
from services.profile.domain.facet_codec import Rows, about_time, facet_of_rows, periods_of
from services.profile.domain.figures import objects_to_profiling, words_of
from services.profile.domain.ranking_state import ranking_json, ranking_json_of_rows, ranking_state
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.worth import Known, worth_of
from services.profile.ports import ConsentRow, CustomerRow, FacetRow

SOURCE = "urn:the-usual:profile"
_NO_STATE = b'"ranking_state":{}}'


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
        trips=np.array(sorted([key.at_seconds for key in facet.visits]), np.int64),
        as_of=newest_event_at(facet, words),
        currency=_currency(row.effects for row in rows),
        consents=consents_in_force(words),
        periods=lambda: facet.periods,
    )


def view_of(customer_id: str, version: int, facets: Sequence[FacetInView], judgement: Judgement) -> CustomerRow:
    """The customer that these facets (at least one) make up, as a message of its topic."""
    words = [word for facet in facets for word in facet.consents]
    rows = [facet.rows for facet in facets]
    whole = fold(map(facet_of_rows, rows)) if len(rows) > 1 else None
    known = _known(facets, words, whole)
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
    snapshot, state = plain, b"{}"
    if not objects:
        snapshot = _derived(plain, known, judgement)
        state = ranking_json_of_rows(rows[0]) if whole is None else ranking_json(ranking_state(whole))
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
        message=_message(event, state),
        segments=snapshot.segments,
        as_of=snapshot.as_of,
        objects=objects,
    )


def _derived(plain: ProfileSnapshot, known: Known, judgement: Judgement) -> ProfileSnapshot:
    """With what follows from what is known, the model and the rules, whatever the time of day."""
    worth = worth_of(known, judgement.returns)
    return plain.model_copy(
        update={
            "segments": judgement.rules.segments_of(worth.figures),
            "value": worth.value,
        }
    )


def _known(parts: Sequence[FacetInView], words: Sequence[ConsentRow], whole: Facet | None) -> Known:
    """What the views tell of: when, how much, what waits; and the trips. A single facet need not be made whole for that."""
    rows = parts[0].rows
    if whole is None:
        facet, trips = about_time(rows), [row[0] for row in rows.visits]
    else:
        facet, trips = whole, sorted([key.at_seconds for key in whole.visits])
    return Known(
        facet=facet,
        trips=np.array(trips, np.int64),
        as_of=newest_event_at(facet, words),
        currency=_currency(part.effects for part in parts),
        consents=consents_in_force(words),
        periods=lambda: periods_of(rows) if whole is None else whole.periods,
    )


def _message(event: Event, state: bytes) -> OutboxMessage:
    """The event with the ranking state, which is made as JSON: nothing checks and copies so many numbers again."""
    message = OutboxMessage.of(event, PROFILE_SNAPSHOTS)
    body = message.value or b""
    assert body.endswith(_NO_STATE)  # noqa: S101 - the contract's last field; a test holds it against the contract
    return structs.replace(message, value=body[: -len(b"{}}")] + state + b"}")


def _currency(effects: Iterable[Effects]) -> str | None:
    """Of several the first by name."""
    return min((one.currency for one in effects if one.currency is not None), default=None)
