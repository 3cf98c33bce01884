"""PostgreSQL as the authority: transactions, offsets, inbox, outboxes with their relays, dead letters, migrations."""

from libs.common.persistence.backoff import Backoff
from libs.common.persistence.engine import Timeouts, make_engine
from libs.common.persistence.housekeeping import Housekeeping
from libs.common.persistence.inbox import mark_seen, prune_inbox
from libs.common.persistence.messages import Message, OutboxMessage, Sender
from libs.common.persistence.metrics import RelayMetrics
from libs.common.persistence.migrate import is_current, run_migrations
from libs.common.persistence.offsets import OffsetKey, OwnershipLost, stored_offsets
from libs.common.persistence.outbox import OutboxRelay, append, unsent
from libs.common.persistence.relay import RelayRuntime
from libs.common.persistence.transaction import InvalidValue, Transaction, Transactions
from libs.common.persistence.version_outbox import VersionedTable, VersionRelay, unpublished_rows

__all__ = [
    "Backoff",
    "Housekeeping",
    "InvalidValue",
    "Message",
    "OffsetKey",
    "OutboxMessage",
    "OutboxRelay",
    "OwnershipLost",
    "RelayMetrics",
    "RelayRuntime",
    "Sender",
    "Timeouts",
    "Transaction",
    "Transactions",
    "VersionRelay",
    "VersionedTable",
    "append",
    "is_current",
    "make_engine",
    "mark_seen",
    "prune_inbox",
    "run_migrations",
    "stored_offsets",
    "unpublished_rows",
    "unsent",
]
