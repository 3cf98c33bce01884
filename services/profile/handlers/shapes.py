"""The shapes of the API's answers."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.common.contracts.profile import ConsentInForce
from libs.common.contracts.values import Identifier
from libs.ranking.state import MomentKind


class View(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class FavouriteItem(View):
    """An item that was bought often."""

    item_id: str
    category: str
    item_type: str
    baskets_count: int
    amount_cents: int
    last_bought_at: AwareDatetime


class CategorySpend(View):
    """What was paid in one category in the last two years."""

    category: str
    lines_count: int
    amount_cents: int


class Answers(View):
    """How a question was answered, on the scale 0 to 10."""

    question: str
    answers_count: int
    mean_score: float


class Totals(View):
    """Everything that was counted, over all identifiers."""

    receipts_count: int
    lines_count: int
    amount_cents: int
    returns_count: int
    refund_cents: int
    contacts_count: int
    vouchers_issued_count: int
    vouchers_redeemed_count: int
    voucher_discount_cents: int


class CustomerView(View):
    """What is known of one customer; `snapshot_version` is the newest view that the other services can have."""

    customer_id: str
    identifiers: tuple[Identifier, ...]
    snapshot_version: int
    as_of: AwareDatetime
    first_contact_at: AwareDatetime | None
    totals: Totals
    consents: tuple[ConsentInForce, ...]
    segments: tuple[str, ...]
    favourite_items: tuple[FavouriteItem, ...]
    categories: tuple[CategorySpend, ...]
    answers: tuple[Answers, ...]
    counts: Mapping[str, int]


class NeedView(View):
    """An item that the customer may want; `score` is comparable within one answer, `reasons` are its strongest drivers."""

    item_id: str
    score: float
    reasons: tuple[str, ...]
    bought_before: bool


class NextBasket(View):
    """What the customer will want next, best first, and which model says so from which view."""

    customer_id: str
    snapshot_version: Annotated[int, Field(ge=0)]
    model_id: str
    at: AwareDatetime
    store_id: str | None
    moment: MomentKind
    needs: tuple[NeedView, ...]
