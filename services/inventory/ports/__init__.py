"""What the handlers need from outside: rows.py what passes, stores.py where it is kept; store/ fits them on PostgreSQL."""

from services.inventory.ports.closing import ClosingStore
from services.inventory.ports.commands import CommandLog, CommandStore, ExceptionStore
from services.inventory.ports.rows import (
    CommandFilter,
    ExceptionRow,
    ItemRow,
    LaneRow,
    LearnedItem,
    LogFilter,
    LoggedChange,
    LogPage,
    SoldReceipt,
    StockView,
    StoreRow,
    VoidedReceipt,
)
from services.inventory.ports.stores import (
    CatalogStore,
    InventoryStore,
    ReceiptStore,
    ReviewStore,
    StockStore,
    ViewStore,
)

__all__ = [
    "CatalogStore",
    "ClosingStore",
    "CommandFilter",
    "CommandLog",
    "CommandStore",
    "ExceptionRow",
    "ExceptionStore",
    "InventoryStore",
    "ItemRow",
    "LaneRow",
    "LearnedItem",
    "LogFilter",
    "LogPage",
    "LoggedChange",
    "ReceiptStore",
    "ReviewStore",
    "SoldReceipt",
    "StockStore",
    "StockView",
    "StoreRow",
    "ViewStore",
    "VoidedReceipt",
]
