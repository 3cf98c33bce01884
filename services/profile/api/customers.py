"""The routes of customers: pages, health, search, next baskets; every one is masked by role and kept as a look."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.openapi import problems
from libs.common.pseudonyms import Pseudonyms
from libs.ranking.state import MomentKind
from services.profile.api.viewer import Asked
from services.profile.domain.segment_rules import SegmentId
from services.profile.handlers.asking import Asking
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.looking import Looking
from services.profile.handlers.shapes import CustomerHealth, CustomerPage, CustomerView, NextBasket
from services.profile.handlers.views import Question

CustomerIdInPath = Annotated[
    str, Path(max_length=128, description="A customer id; an old one finds the present customer.")
]
_RESPONSES = problems(403, 404, s403="The key has no role that sees this.", s404="No such customer.")
_OBJECTED = problems(409, s409="The customer objects to profiling.")


def customers_router(looking: Looking, asking: Asking, pseudonyms: Pseudonyms) -> APIRouter:
    """Reading customers; every route wants a scope `customers:<role>`, and shows what the role sees."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"], responses=_RESPONSES)

    @router.get("", summary="The customer with an identifier")
    async def customer_with_identifier(
        viewer: Asked,
        identifier: Annotated[
            Key, Query(description="`kind:value`, for example `loyalty_card:7`", examples=["loyalty_card:7"])
        ],
    ) -> CustomerView:
        """The same view as by id. Behind this door the identifier is a pseudonym."""
        return await looking.customer(own_customer_id(pseudonyms.key_of(identifier)), viewer)

    @router.get("/search", summary="Customers by segment, or by the beginning of their id")
    async def search(
        viewer: Asked,
        prefix: Annotated[str, Query(pattern="^[0-9a-f-]{0,36}$", description="How the id begins.")] = "",
        segment_id: Annotated[SegmentId | None, Query(description="A segment that they are in.")] = None,
        after: Annotated[Key | None, Query(description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> CustomerPage:
        """A page of customers in the order of their ids."""
        return await looking.search(viewer, prefix=prefix, segment_id=segment_id, after=after or "", limit=limit)

    @router.get("/{customer_id}", summary="What is known of a customer")
    async def customer(viewer: Asked, customer_id: CustomerIdInPath) -> CustomerView:
        """Folded from the customer's facets as they are now, except for segments and value, which are the newest view's."""
        return await looking.customer(customer_id, viewer)

    @router.get("/{customer_id}/health", summary="How fresh and complete that is")
    async def health(viewer: Asked, customer_id: CustomerIdInPath) -> CustomerHealth:
        """How far the newest view is behind, and what is missing in it."""
        return await looking.health(customer_id, viewer)

    @router.get("/{customer_id}/next-basket", summary="What the customer will want next", responses=_OBJECTED)
    async def next_basket(
        viewer: Asked,
        customer_id: CustomerIdInPath,
        k: Annotated[int, Query(ge=1, le=100, description="How many items.")] = 20,
        at: Annotated[
            AwareDatetime | None,
            Query(description="When; without it now (in a played deployment the customer's newest event)."),
        ] = None,
        store_id: Annotated[Key | None, Query(description="Where; without it the store of the latest trip.")] = None,
        moment: Annotated[
            MomentKind, Query(description="`arrival`: a trip begins. `till`: a trip ends, the next one is asked for.")
        ] = "arrival",
    ) -> NextBasket:
        """Ranked by the newest published model on the customer's newest view; the same inputs give the same answer."""
        question = Question(customer_id=customer_id, k=k, at=at and _in_utc(at), store_id=store_id, moment=moment)
        return await asking.next_basket(question, viewer)

    return router


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput("in UTC this is no moment of any calendar", slug="moment-too-far") from error
