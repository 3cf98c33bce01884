"""How an earlier release stored purchases and returned lines: MessagePack maps by field name; rows of that time are still read."""

from collections.abc import Mapping
from typing import Any

from services.profile.domain.contact import Purchase, PurchaseLine


def purchase_of_map(body: Mapping[str, Any]) -> Purchase:
    """The purchase that was stored as a map."""
    return Purchase(**{**body, "lines": tuple(PurchaseLine(**line) for line in body["lines"])})


def returned_line_of_map(body: Mapping[str, Any]) -> list[Any]:
    """The line that was stored as a map, as lines are stored now."""
    return [body["item_id"], body["quantity_milli"], body["refund_cents"]]
