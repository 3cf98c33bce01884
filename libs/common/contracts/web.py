"""What happens on the shop's website and in its apps: published by ingest on `ingest.web.v1`."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from libs.common.contracts.personal import Personal
from libs.common.contracts.pos import Lines
from libs.common.contracts.values import (
    Cents,
    Comment,
    Contract,
    Currency,
    Identifier,
    Key,
    Line,
    Part,
    PositiveCents,
    Quantity,
    Text,
)

Trace = Annotated[Text, Personal.BEHAVIOUR]
"""What a visitor looked at; not the person's name, yet it can tell much about a person."""


class WebContact(Contract):
    """What all web contacts have in common."""

    visitor: Identifier
    session_id: Key | None = None

    @property
    def partition_key(self) -> str:
        """The visitor."""
        return self.visitor.key


class PageViewed(WebContact):
    """`usual.web.page_viewed.v1`: a page was shown."""

    url_path: Trace
    title: Trace | None = None
    referrer_host: Annotated[Line, Personal.BEHAVIOUR] | None = None


class Searched(WebContact):
    """`usual.web.searched.v1`: a search, and how much it found (nothing found is unmet demand)."""

    query: Comment
    results_count: Annotated[int, Field(ge=0)] | None = None
    """None where the sender does not know."""
    store_id: Key | None = None
    """The store that the visitor had chosen; else `region`, where that is known."""
    region: Key | None = None
    item_id: Key | None = None
    """What the shop's own search took it for, in the words of its catalogue: an item, else a category."""
    category: Key | None = None


class ProductViewed(WebContact):
    """`usual.web.product_viewed.v1`: one product's page was shown."""

    item_id: Key
    price_cents: PositiveCents | None = None
    currency: Currency | None = None


class AddedToCart(WebContact):
    """`usual.web.added_to_cart.v1`: an item went into the basket."""

    item_id: Key
    quantity: Quantity


class RemovedFromCart(WebContact):
    """`usual.web.removed_from_cart.v1`: an item, or some of it, was taken out of the basket."""

    item_id: Key
    quantity: Quantity


class CartLine(Part):
    """One item in a basket that is not paid for; `price_cents` is the price of one."""

    item_id: Key
    quantity: Quantity = Decimal(1)
    price_cents: PositiveCents | None = None


class CheckoutStarted(WebContact):
    """`usual.web.checkout_started.v1`: a visitor set out to pay; without an order that follows the basket was left."""

    cart_id: Key | None = None
    currency: Currency | None = None
    lines: Annotated[tuple[CartLine, ...], Field(max_length=2000)] = ()
    total_cents: PositiveCents | None = None
    """What the whole basket would cost, discounts taken off."""


class Ordered(WebContact):
    """`usual.web.ordered.v1`: a web order was placed."""

    order_id: Key
    currency: Currency
    lines: Lines
    total_cents: Cents
