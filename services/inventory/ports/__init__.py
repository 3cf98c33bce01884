"""What the handlers need from outside: rows.py what passes, stores.py where it is kept; store/ fits them on PostgreSQL."""

from services.inventory.ports.rows import (
    CommandFilter,
    ItemRow,
    LaneRow,
    SoldReceipt,
    StockView,
    StoreRow,
    VoidedReceipt,
    VoucherDemand,
)
from services.inventory.ports.stores import (
    CatalogStore,
    CommandStore,
    InventoryStore,
    ReceiptStore,
    ReviewStore,
    StockStore,
    ViewStore,
)

__all__ = [
    "CatalogStore",
    "CommandFilter",
    "CommandStore",
    "InventoryStore",
    "ItemRow",
    "LaneRow",
    "ReceiptStore",
    "ReviewStore",
    "SoldReceipt",
    "StockStore",
    "StockView",
    "StoreRow",
    "ViewStore",
    "VoidedReceipt",
    "VoucherDemand",
]
