"""What became of a lane's entries, in the words that they always get."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.offers.domain.lanes.entry import Entry
from services.offers.handlers.redemption.desk import REFUSED
from services.offers.ports.lanes.journals import KnownEntry

_OTHER_REQUEST = "other-request"
_MALFORMED = "malformed"
_encoder = msgspec.json.Encoder()


class Outcome(msgspec.Struct, frozen=True):
    """What became of an entry, in the words that it always gets. `from_lease_cents` is gone from the lane's lease.

    A `refused` one was not taken in: its id stands for something else, or it is no entry. It stays in the lane's journal, for
    a person to look at.
    """

    redemption_id: str
    status: str
    reason: str
    given_cents: int
    from_lease_cents: int
    uncovered_cents: int
    taken_back: bool


class Reconciliation(msgspec.Struct, frozen=True):
    """What became of each entry, in the order of the request."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The outcome, and for metrics of whose campaign it was, where it is news."""

    outcome: Outcome
    campaign_id: str | None
    new: bool


def outcome_of(known: KnownEntry, *, taken_back: bool, new: bool) -> TakenIn:
    """What became of an entry that was taken in."""
    outcome = Outcome(
        redemption_id=known.redemption_id,
        status=known.status,
        reason=known.reason,
        given_cents=known.given_cents,
        from_lease_cents=known.leased_cents,
        uncovered_cents=known.uncovered_cents,
        taken_back=taken_back,
    )
    return TakenIn(outcome, known.campaign_id, new=new)


def not_taken_in(entry: Entry) -> TakenIn:
    """Of one whose id stands for something else."""
    return _refused(entry.redemption_id, _OTHER_REQUEST, entry.given_cents, taken_back=entry.taken_back)


def malformed(redemption_id: str, *, taken_back: bool) -> TakenIn:
    """Of something that is no entry."""
    return _refused(redemption_id, _MALFORMED, 0, taken_back=taken_back)


def encoded(outcomes: Sequence[Outcome]) -> bytes:
    """The answer's JSON."""
    return _encoder.encode(Reconciliation(tuple(outcomes)))


def _refused(redemption_id: str, reason: str, given_cents: int, *, taken_back: bool) -> TakenIn:
    outcome = Outcome(
        redemption_id=redemption_id,
        status=REFUSED,
        reason=reason,
        given_cents=given_cents,
        from_lease_cents=0,
        uncovered_cents=0,
        taken_back=taken_back,
    )
    return TakenIn(outcome, None, new=True)
