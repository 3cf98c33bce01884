"""A revocation: which vouchers are good for nothing any more, said by whom and why."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """All vouchers to which every part that is not None applies, issued from the one moment to the other, both included."""

    campaign_id: str | None
    store_id: str | None
    """The store that printed them."""
    batch_id: str | None
    issued_from: datetime
    issued_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What was revoked, why, by which key, when."""

    revocation_id: str
    revoked: Revoked
    reason: str
    asked_by: str
    asked_at: datetime

    def is_again(self, known: "Revocation") -> bool:
        """Whether it asks for what was asked before; when, and until which moment by default, may differ."""
        ours, theirs = self.revoked, known.revoked
        return (
            (ours.campaign_id, ours.store_id, ours.batch_id, ours.issued_from, self.reason)
            == (theirs.campaign_id, theirs.store_id, theirs.batch_id, theirs.issued_from, known.reason)
        ) and ours.issued_until >= theirs.issued_until
