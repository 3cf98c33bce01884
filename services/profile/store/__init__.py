"""The ports on SQLAlchemy Core and PostgreSQL: one file a port; every statement takes a whole batch."""

from libs.common.persistence import Transaction
from services.profile.store.catalog import PostgresCatalog, RememberedItems
from services.profile.store.customers import PostgresCustomers
from services.profile.store.facets import PostgresFacets, RememberedDeltas
from services.profile.store.identity import PostgresIdentity
from services.profile.store.learning import PostgresLearning
from services.profile.store.privacy import PostgresPrivacy
from services.profile.store.receipts import PostgresReceipts
from services.profile.store.segments import PostgresSegments
from services.profile.store.views import PostgresViews

__all__ = ["PostgresProfileStore", "RememberedDeltas", "RememberedItems"]


class PostgresProfileStore:
    """All ports of this service within one transaction; what is remembered is the process's, and its transactions share it."""

    def __init__(
        self, tx: Transaction, remembered: RememberedItems | None = None, deltas: RememberedDeltas | None = None
    ) -> None:
        self.catalog = PostgresCatalog(tx, remembered)
        self.facets = PostgresFacets(tx, deltas)
        self.receipts = PostgresReceipts(tx)
        self.identity = PostgresIdentity(tx)
        self.customers = PostgresCustomers(tx, deltas)
        self.learning = PostgresLearning(tx)
        self.privacy = PostgresPrivacy(tx)
        self.segments = PostgresSegments(tx)
        self.views = PostgresViews(tx)
