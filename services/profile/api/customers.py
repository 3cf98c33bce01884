"""HTTP to handlers and back: customers and their next baskets; no rules, no SQL."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Security
from fastapi.security import APIKeyHeader
from pydantic import AwareDatetime

from libs.common.contracts.values import Key
from libs.common.http.credentials import require
from libs.common.pseudonyms import Pseudonyms
from libs.ranking.state import MomentKind
from services.profile.api.problems import problems
from services.profile.handlers.asking import Asking
from services.profile.handlers.shapes import CustomerView, NextBasket
from services.profile.handlers.views import Question

SCOPE = "customers:read"
_API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
CustomerIdInPath = Annotated[
    str, Path(max_length=128, description="A customer id; an old one finds the present customer.")
]


_RESPONSES = problems(401, 403, 404, 422, 503, s404="No such customer.")


def customers_router(asking: Asking, pseudonyms: Pseudonyms) -> APIRouter:
    """Reading customers; every route wants the scope `customers:read`."""
    router = APIRouter(
        prefix="/v1/customers",
        tags=["customers"],
        dependencies=[_API_KEY, Depends(require(SCOPE))],
        responses=_RESPONSES,
    )

    @router.get("", summary="The customer with an identifier")
    async def customer_with_identifier(
        identifier: Annotated[
            Key, Query(description="`kind:value`, for example `loyalty_card:7`", examples=["loyalty_card:7"])
        ],
    ) -> CustomerView:
        """The same view as by id. Behind this door the identifier is a pseudonym."""
        return await asking.customer_with(pseudonyms.key_of(identifier))

    @router.get("/{customer_id}", summary="What is known of a customer")
    async def customer(customer_id: CustomerIdInPath) -> CustomerView:
        """Folded from the customer's facets as they are now: fresher than any snapshot."""
        return await asking.customer(customer_id)

    @router.get("/{customer_id}/next-basket", summary="What the customer will want next")
    async def next_basket(
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
        utc = at.astimezone(UTC) if at else None
        return await asking.next_basket(
            Question(customer_id=customer_id, k=k, at=utc, store_id=store_id, moment=moment)
        )

    return router
