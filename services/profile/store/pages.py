"""A customer's page in one statement: all that it shows, as of one moment, and the look at it."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import starmap
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.profile.domain.delta import Effects, decode_delta, effects_of, plus
from services.profile.ports.rows import ConsentRow
from services.profile.ports.views import LookRow, PageFacet, PageRow
from services.profile.store.customers import EFFECTS
from services.profile.store.facets import PENDING, rows_with

# What changes rows in a WITH and is not read from runs last: looks of a key wait for each other no longer than they must.
_KEPT = """
    , kept AS (
        INSERT INTO audit (key_id, viewed_at, roles, action, customer_id, request_id)
        SELECT CAST(:key_id AS text), CAST(:viewed_at AS timestamptz), CAST(:roles AS text), CAST(:action AS text),
               customer_id, CAST(:request_id AS text)
        FROM who
    )
"""
_PAGE = """
    WITH who AS (SELECT customer_id FROM facets WHERE own_customer_id = :customer_id){kept}
    SELECT facets.identifier, facets.customer_id, facets.state, {effects}, {pending},
           said.purposes, said.channels, said.granted, said.occurred, said.event_ids, customers.version, customers.body
    FROM who JOIN facets USING (customer_id)
    LEFT JOIN customers ON customers.customer_id = who.customer_id AND customers.body IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT array_agg(purpose) AS purposes, array_agg(channel) AS channels, array_agg(granted) AS granted,
               array_agg(occurred_at) AS occurred, array_agg(event_id) AS event_ids
        FROM consents WHERE consents.identifier = facets.identifier
    ) AS said
    ORDER BY facets.identifier
"""
_COLUMNS = ", ".join(f"facets.{name}" for name in EFFECTS)
PAGE = text(_PAGE.format(kept="", effects=_COLUMNS, pending=PENDING))
SEEN = text(_PAGE.format(kept=_KEPT, effects=_COLUMNS, pending=PENDING))


async def page_of(connection: AsyncConnection, customer_id: str) -> PageRow | None:
    """The page of whom the id stands for now; None: nobody."""
    return _page((await connection.execute(PAGE, {"customer_id": customer_id})).all())


async def page_seen(connection: AsyncConnection, look: LookRow) -> PageRow | None:
    """The same, with the look kept under the present id; None: nobody, and no look."""
    return _page((await connection.execute(SEEN, asdict(look))).all())


def _page(rows: Sequence[Any]) -> PageRow | None:
    if not rows:
        return None
    _, customer_id, *_, version, body = rows[0]
    return PageRow(
        customer_id=customer_id,
        version=version or 0,
        snapshot=body,
        facets=tuple(starmap(_facet, rows)),
    )


def _facet(identifier: str, _customer_id: str, state: bytes, *rest: Any) -> PageFacet:
    *plain, bodies, purposes, channels, granted, occurred, event_ids, _version, _body = rest
    pending = [decode_delta(body) for body in bodies]
    words = zip(purposes or (), channels or (), granted or (), occurred or (), event_ids or (), strict=True)
    return PageFacet(
        identifier=identifier,
        rows=rows_with(state, pending),
        effects=plus(Effects(*plain), effects_of(*pending)),
        consents=tuple(
            ConsentRow(
                identifier=identifier,
                purpose=purpose,
                channel=channel,
                granted=word,
                occurred_at=occurred_at,
                event_id=event_id,
                accepted_at=None,
            )
            for purpose, channel, word, occurred_at, event_id in words
        ),
    )
