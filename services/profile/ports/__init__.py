"""What the handlers need: protocols (stores.py) and the rows that pass through them (rows.py)."""

from services.profile.ports.rows import (
    ConsentRow,
    CustomerRow,
    FacetEffects,
    FacetRow,
    ItemRow,
    LearnerState,
    LinkRow,
    ModelRow,
    QueuedBasket,
    Reassigned,
    SoldReceipt,
    StoreRow,
    TakenBack,
)
from services.profile.ports.stores import (
    CatalogStore,
    CustomerStore,
    FacetStore,
    IdentityStore,
    LearningStore,
    ProfileStore,
    ReceiptStore,
)

__all__ = [
    "CatalogStore",
    "ConsentRow",
    "CustomerRow",
    "CustomerStore",
    "FacetEffects",
    "FacetRow",
    "FacetStore",
    "IdentityStore",
    "ItemRow",
    "LearnerState",
    "LearningStore",
    "LinkRow",
    "ModelRow",
    "ProfileStore",
    "QueuedBasket",
    "Reassigned",
    "ReceiptStore",
    "SoldReceipt",
    "StoreRow",
    "TakenBack",
]
