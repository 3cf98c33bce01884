"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share, relays.py what leaves."""

from services.inventory.bootstrap.edi import edi_desk_of
from services.inventory.bootstrap.parts import SERVICE, Parts, assemble
from services.inventory.bootstrap.roles import (
    approvals_of,
    assortment_desk_of,
    desk_of,
    feed_of,
    policy_desk_of,
    trial_desk_of,
    worker_of,
)
from services.inventory.bootstrap.webhooks import webhook_desk_of

__all__ = [
    "SERVICE",
    "Parts",
    "approvals_of",
    "assemble",
    "assortment_desk_of",
    "desk_of",
    "edi_desk_of",
    "feed_of",
    "policy_desk_of",
    "trial_desk_of",
    "webhook_desk_of",
    "worker_of",
]
