"""Identifiers as distinct types, and a sortable random id."""

import os
import uuid
from typing import NewType

CustomerId = NewType("CustomerId", str)
StoreId = NewType("StoreId", str)
ItemId = NewType("ItemId", str)
CampaignId = NewType("CampaignId", str)
VoucherId = NewType("VoucherId", str)
CheckoutId = NewType("CheckoutId", str)
ReceiptId = NewType("ReceiptId", str)
CommandId = NewType("CommandId", str)
EventId = NewType("EventId", str)

_NAMESPACE = uuid.UUID("6f0c8b3e-5f0a-5c39-9d1c-7a1f0e6f7a11")


def derived_id(*parts: str) -> str:
    """The same parts give the same UUID, always: for ids that a repeat must find again.

    >>> derived_id("reorder", "7", "milk") == derived_id("reorder", "7", "milk")
    True
    >>> derived_id("a", "bc") == derived_id("ab", "c")
    False
    """
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(f"{len(part)}:{part}" for part in parts)))


def random_id() -> str:
    """A new UUID that nobody can guess."""
    return str(uuid.UUID(bytes=os.urandom(16), version=4))
