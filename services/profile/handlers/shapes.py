"""The shapes of the API's answers."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.common.contracts.profile import ConsentInForce
from libs.common.contracts.values import Identifier
from libs.ranking.state import MomentKind
from services.profile.domain.drivers import Pull
from services.profile.domain.figures import Tier
from services.profile.domain.health import Missing
from services.profile.domain.roles import Sight


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


class DriverView(View):
    """One figure behind the value. Those with the pull `factor` multiply to it; the others say where it is going."""

    figure: str
    value: float
    pull: Pull


class ValueView(View):
    """What the customer is expected to spend in a year, as the newest view says, and why."""

    currency: str
    expected_year_cents: int
    chance_of_return_30_days_ratio: float
    drivers: tuple[DriverView, ...]


class CustomerView(View):
    """What is known of one customer; `snapshot_version` is the newest view that the other services can have.

    What the caller's role does not see is null and named in `hidden`. No value: nothing was bought yet.
    """

    customer_id: str
    snapshot_version: int
    as_of: AwareDatetime
    hidden: tuple[Sight, ...] = ()
    identifiers: tuple[Identifier, ...] | None
    first_contact_at: AwareDatetime | None
    totals: Totals | None
    consents: tuple[ConsentInForce, ...] | None
    segments: tuple[str, ...] | None
    tier: Tier | None
    value: ValueView | None
    open_complaint: bool | None
    favourite_items: tuple[FavouriteItem, ...] | None
    categories: tuple[CategorySpend, ...] | None
    answers: tuple[Answers, ...] | None
    counts: Mapping[str, int] | None


class Gap(View):
    """Something that keeps us from knowing the customer better; `count` says how much of it where that can be said."""

    missing: Missing
    count: int | None = None


class CustomerHealth(View):
    """How fresh the newest view is, and what is missing in it.

    `accepted_at` is when the door accepted the newest of what it holds; `published` whether the other services were told.
    """

    customer_id: str
    snapshot_version: int
    published: bool
    as_of: AwareDatetime
    accepted_at: AwareDatetime | None
    waiting_changes_count: int
    gaps: tuple[Gap, ...]


class FoundCustomer(View):
    """A customer that a search found; the segments for whom may see them."""

    customer_id: str
    snapshot_version: int
    segments: tuple[str, ...] | None


class CustomerPage(View):
    """Customers in the order of their ids; `next` asks for what follows, as `after`."""

    customers: tuple[FoundCustomer, ...]
    next: str | None


class LookView(View):
    """Who looked at what; `sequence` counts the looks of one key, `customer_id` is null for a search."""

    id: int
    key_id: str
    sequence: int
    viewed_at: AwareDatetime
    roles: tuple[str, ...]
    action: str
    customer_id: str | None
    request_id: str


class LookPage(View):
    """Looks, the newest first; `next` asks for older ones, as `before`."""

    views: tuple[LookView, ...]
    next: int | None


class ChainView(View):
    """Whether a key's looks are as they were written; `broken_sequence` is the first that is not.

    `checked_count` is of this answer alone; `next` asks for those after it, as `after`, and is null when there are no more.
    """

    key_id: str
    checked_count: int
    broken_sequence: int | None
    next: int | None


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
