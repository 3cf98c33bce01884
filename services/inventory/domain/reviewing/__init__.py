"""The review: what to order and what to move, item by item."""
