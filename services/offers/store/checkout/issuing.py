"""The group commit: decisions, vouchers, budgets and events of many checkouts in one statement.

Within it no row raises: a checkout that was decided before, one that a brake stops (nothing of it is kept: it is to be decided again),
and a budget that has not enough, are outcomes of that row.
Budgets are locked in the order of their ids and serve the cheapest vouchers first, so that a running sum decides exactly
what serving one by one would (domain/money/budget.py: `grant`). Where a voucher has limits the database looks at each by itself. Each voucher posts `domain/money/ledger.py: issued` to the journal.
"""

from collections.abc import Sequence
from typing import Any

from libs.common.persistence import OutboxMessage
from libs.common.persistence.messages import encode_headers
from libs.common.persistence.outbox import bucket_of
from services.offers.domain.campaigns.terms import to_stored
from services.offers.domain.checkout.proposal import pack
from services.offers.domain.money import ledger
from services.offers.ports.checkout import Draft, IssueRequest
from services.offers.store.money.limits import BY_LIMITS, COUNTED, claim_columns
from services.offers.store.shared_statement import Connect, Limits, OnFailure, SharedStatement

_JOIN = "\x1f"  # ids hold no control characters

(_RESERVING,) = ledger.issued(1)
_BY_SUM = """
    SELECT wanted.*, budget.remaining_cents,
           sum(wanted.greatest_value_cents) OVER (
               PARTITION BY campaign_id ORDER BY wanted.greatest_value_cents, wanted.voucher_id
               ROWS UNBOUNDED PRECEDING) AS running_cents
    FROM wanted JOIN budget USING (campaign_id, currency)
"""


def _issue(summed: str, allowed: str, counted: str = "") -> str:
    """The statement that issues of `summed` what is `allowed`."""
    return f"""
WITH braked AS (
    SELECT draft.checkout_id FROM brakes
    JOIN unnest($12::text[], $16::text[]) AS draft (checkout_id, campaign_id) ON true
    JOIN unnest($1::text[], $4::text[]) AS asked (checkout_id, store_id) USING (checkout_id)
    WHERE brakes.released_at IS NULL
      AND brakes.entity_id = CASE brakes.scope WHEN 'store' THEN asked.store_id WHEN 'campaign' THEN draft.campaign_id ELSE '' END
),
fresh AS (
    INSERT INTO decisions (checkout_id, decision_id, receipt_id, store_id, customer_id, tier, reason, "group", model_id,
                           proposal, decided_at, asked)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[],
                         $9::text[], $10::bytea[], $11::timestamptz[], $35::bytea[]) AS wish (checkout_id)
    WHERE wish.checkout_id NOT IN (SELECT checkout_id FROM braked)
    ORDER BY wish.checkout_id  -- one order for everybody: batches that share checkouts cannot wait for each other
    ON CONFLICT (checkout_id) DO NOTHING
    RETURNING checkout_id, receipt_id, store_id, customer_id, tier
),
wanted AS (
    SELECT draft.*, fresh.receipt_id, fresh.store_id, fresh.customer_id, fresh.tier
    FROM unnest($12::text[], $13::smallint[], $14::text[], $15::bytea[], $16::text[], $17::text[], $18::text[], $19::text[],
                $20::smallint[], $21::bigint[], $22::bigint[], $23::text[], $24::float8[], $25::timestamptz[],
                $26::timestamptz[], $34::bytea[], $36::text[])
         AS draft (checkout_id, slot, voucher_id, code_lookup, campaign_id, category, item_ids, kind,
                   percent, amount_cents, greatest_value_cents, currency, propensity_ratio, valid_from, expires_at, number_lookup,
                   terms)
    JOIN fresh USING (checkout_id)
),
budget AS (
    SELECT campaign_id, currency, transfers,
           cap_cents + over_issue_cents - reserved_cents - spent_cents - leased_cents AS remaining_cents FROM budgets
    WHERE campaign_id IN (SELECT campaign_id FROM wanted)
    ORDER BY campaign_id FOR NO KEY UPDATE
),
summed AS ({summed}),
issued AS (
    INSERT INTO vouchers (voucher_id, checkout_id, slot, code_lookup, campaign_id, customer_id, receipt_id, store_id,
                          category, item_ids, kind, percent, amount_cents, greatest_value_cents, reserved_cents, currency,
                          propensity_ratio, tier, valid_from, expires_at, number_lookup, terms)
    SELECT voucher_id, checkout_id, slot, code_lookup, campaign_id, customer_id, receipt_id, store_id, category,
           string_to_array(item_ids, E'\\x1f'), kind, percent, amount_cents, greatest_value_cents, greatest_value_cents,
           currency, propensity_ratio, tier, valid_from, expires_at, number_lookup, CAST(terms AS jsonb)
    FROM summed WHERE {allowed}
    ON CONFLICT DO NOTHING
    RETURNING checkout_id, slot, voucher_id, campaign_id, greatest_value_cents, valid_from
),
reserved AS (
    UPDATE budgets SET reserved_cents = budgets.reserved_cents + taken.cents, transfers = budgets.transfers + taken.transfers
    FROM (SELECT campaign_id, sum(greatest_value_cents) AS cents, count(*) AS transfers FROM issued GROUP BY campaign_id)
         AS taken
    WHERE budgets.campaign_id = taken.campaign_id
),
posted AS (
    INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, voucher_id, cause_id, occurred_at)
    SELECT campaign_id, budget.transfers + row_number() OVER (PARTITION BY campaign_id ORDER BY voucher_id),
           '{_RESERVING.move}', '{_RESERVING.from_account}', '{_RESERVING.to_account}',
           greatest_value_cents, voucher_id, checkout_id, valid_from
    FROM issued JOIN budget USING (campaign_id)
),
told AS (
    INSERT INTO outbox (bucket, topic, key, headers, value)
    SELECT bucket, topic, key, headers, value
    FROM unnest($27::text[], $28::smallint[], $29::smallint[], $30::text[], $31::bytea[], $32::bytea[], $33::bytea[])
         WITH ORDINALITY AS message (checkout_id, slot, bucket, topic, key, headers, value, place)
    WHERE (message.slot IS NULL AND message.checkout_id IN (SELECT checkout_id FROM fresh))
       OR (message.checkout_id, message.slot) IN (SELECT checkout_id, slot FROM issued)
    ORDER BY message.place
){counted}
SELECT fresh.checkout_id, granted.slots AS granted
FROM fresh LEFT JOIN (SELECT checkout_id, array_agg(slot) AS slots FROM issued GROUP BY checkout_id) AS granted USING (checkout_id)
"""  # noqa: S608  # names of our own


_ISSUE = _issue(_BY_SUM, "running_cents <= remaining_cents")
_ISSUE_WITHIN_LIMITS = _issue(BY_LIMITS, "true", COUNTED)


class SharedIssuing:
    """Fits Issuing. Callers with the same checkout share one outcome."""

    def __init__(self, connect: Connect, limits: Limits, on_failure: OnFailure | None = None) -> None:
        self.statement: SharedStatement[IssueRequest, Sequence[int] | None] = SharedStatement(
            "issuing", connect, _execute, limits, on_failure
        )

    async def issue(self, request: IssueRequest) -> Sequence[int] | None:
        """The granted slots; None when this checkout was decided before, or is to be again. Raises RetryableError."""
        return await self.statement.ask(request)


async def _execute(connection: Any, requests: Sequence[IssueRequest]) -> Sequence[Sequence[int] | None]:
    # Of equal checkouts the first decides; the others learn that it was decided elsewhere and read it.
    first = {request.proposal.checkout_id: request for request in reversed(requests)}
    *drafts, numbers, terms = _drafts(first)
    claims = claim_columns(first.values())
    digests = [request.asked for request in first.values()]
    asked = (*_decisions(list(first.values())), *drafts, *_messages(first), numbers, digests, terms)
    # Limits in several dimensions cannot be decided by a running sum; who has none does not pay for it.
    rows = await connection.fetch(*((_ISSUE_WITHIN_LIMITS, *asked, *claims) if claims else (_ISSUE, *asked)))
    granted = {row["checkout_id"]: row["granted"] or () for row in rows}
    return [
        granted.get(request.proposal.checkout_id) if first[request.proposal.checkout_id] is request else None
        for request in requests
    ]


def _decisions(requests: Sequence[IssueRequest]) -> list[list[Any]]:
    columns = [
        (
            request.proposal.checkout_id,
            request.proposal.decision_id,
            request.receipt_id,
            request.store_id,
            request.customer_id,
            request.proposal.tier,
            request.proposal.reason,
            request.proposal.group,
            request.proposal.model_id,
            pack(request.proposal),
            request.decided_at,
        )
        for request in requests
    ]
    return _transposed(columns, 11)


def _drafts(requests: dict[str, IssueRequest]) -> list[list[Any]]:
    return _transposed(
        [_draft(checkout_id, draft) for checkout_id, request in requests.items() for draft in request.drafts], 17
    )


def _draft(checkout_id: str, draft: Draft) -> tuple[Any, ...]:
    return (
        checkout_id,
        draft.slot,
        draft.voucher_id,
        draft.code_lookup,
        draft.campaign_id,
        draft.category,
        _JOIN.join(draft.item_ids),
        draft.terms.kind,
        draft.terms.percent,
        draft.terms.amount_cents,
        draft.terms.greatest_value_cents,
        draft.currency,
        draft.propensity_ratio,
        draft.valid_from,
        draft.expires_at,
        draft.number_lookup,
        to_stored(draft.terms.promise),
    )


def _messages(requests: dict[str, IssueRequest]) -> list[list[Any]]:
    rows = []
    for checkout_id, request in requests.items():
        rows.append(_message(checkout_id, None, request.message))
        rows += [_message(checkout_id, draft.slot, draft.message) for draft in request.drafts]
    return _transposed(rows, 7)


def _message(checkout_id: str, slot: int | None, message: OutboxMessage) -> tuple[Any, ...]:
    headers = encode_headers(message.headers)
    return checkout_id, slot, bucket_of(message), message.topic, message.key, headers, message.value


def _transposed(rows: Sequence[tuple[Any, ...]], columns: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(columns)]
