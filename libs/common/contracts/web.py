"""What happens on the shop's website and in its apps: published by ingest on `ingest.web.v1`."""

from typing import Annotated

from pydantic import Field

from libs.common.contracts.personal import Personal
from libs.common.contracts.pos import Lines
from libs.common.contracts.values import Cents, Contract, Currency, Identifier, Key, PositiveCents, Quantity, Text

Trace = Annotated[Text, Personal.BEHAVIOUR]
"""What a visitor looked at or for; not the person's name, yet it can tell much about a person."""


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
    referrer_host: Key | None = None


class Searched(WebContact):
    """`usual.web.searched.v1`: a search, and how much it found (nothing found is unmet demand)."""

    query: Trace
    results_count: Annotated[int, Field(ge=0)]


class ProductViewed(WebContact):
    """`usual.web.product_viewed.v1`: one product's page was shown."""

    item_id: Key
    price_cents: PositiveCents | None = None
    currency: Currency | None = None


class AddedToCart(WebContact):
    """`usual.web.added_to_cart.v1`: an item went into the basket."""

    item_id: Key
    quantity: Quantity


class Ordered(WebContact):
    """`usual.web.ordered.v1`: a web order was placed."""

    order_id: Key
    currency: Currency
    lines: Lines
    total_cents: Cents
