"""Leased vouchers that were handed out become those of their checkout; no money moves, except that of vouchers nobody was told of."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.domain.checkout.proposal import pack
from services.offers.domain.leases import Decided, Standing
from services.offers.domain.money import ledger
from services.offers.domain.vouchers.voucher import VoucherState
from services.offers.ports.leases import HandedOut
from services.offers.ports.vouchers import ExpiredVoucher
from services.offers.store.money.ledger import freed

_DECIDE = text("""
    INSERT INTO decisions (checkout_id, decision_id, receipt_id, store_id, customer_id, tier, reason, "group", model_id,
                           proposal, decided_at, asked)
    VALUES (:checkout_id, :decision_id, :receipt_id, :store_id, NULL, :tier, :reason, :group, :model_id, :proposal, :decided_at,
            :asked)
    ON CONFLICT (checkout_id) DO NOTHING
""")
_BIND_NEW = text("""
    WITH fresh AS (
        INSERT INTO decisions (checkout_id, decision_id, receipt_id, store_id, customer_id, tier, reason, "group", model_id,
                               proposal, decided_at, asked)
        SELECT checkout_id, decision_id, receipt_id, store_id, NULL, tier, reason, "group", model_id, proposal, decided_at, asked
        FROM unnest(CAST(:checkout_id AS text[]), CAST(:decision_id AS text[]), CAST(:receipt_id AS text[]),
                    CAST(:store_id AS text[]), CAST(:tier AS smallint[]), CAST(:reason AS text[]), CAST(:group AS text[]),
                    CAST(:model_id AS text[]), CAST(:proposal AS bytea[]), CAST(:decided_at AS timestamptz[]), CAST(:asked AS bytea[]))
             AS wish (checkout_id, decision_id, receipt_id, store_id, tier, reason, "group", model_id, proposal, decided_at, asked)
        ORDER BY checkout_id
        ON CONFLICT (checkout_id) DO NOTHING
        RETURNING checkout_id, receipt_id, store_id
    ),
    mine AS (
        SELECT draft.*, fresh.receipt_id, fresh.store_id
        FROM unnest(CAST(:drafts AS text[]), CAST(:slot AS smallint[]), CAST(:voucher_id AS text[]), CAST(:item_ids AS text[]),
                    CAST(:propensity_ratio AS float8[]), CAST(:valid_from AS timestamptz[]), CAST(:expires_at AS timestamptz[]))
             AS draft (checkout_id, slot, voucher_id, item_ids, propensity_ratio, valid_from, expires_at)
        JOIN fresh USING (checkout_id) JOIN vouchers USING (voucher_id)
        WHERE vouchers.leased_by IS NOT NULL ORDER BY voucher_id FOR UPDATE OF vouchers
    ),
    bound AS (
        UPDATE vouchers SET state = CASE WHEN state = 'leased' THEN 'issued' ELSE state END, leased_by = NULL,
                            checkout_id = mine.checkout_id, slot = mine.slot, receipt_id = mine.receipt_id,
                            store_id = mine.store_id, item_ids = string_to_array(mine.item_ids, E'\\x1f'),
                            propensity_ratio = mine.propensity_ratio, valid_from = mine.valid_from, expires_at = mine.expires_at
        FROM mine WHERE vouchers.voucher_id = mine.voucher_id
        RETURNING vouchers.checkout_id, vouchers.voucher_id
    )
    SELECT checkout_id, array_remove(array_agg(voucher_id), NULL) AS voucher_ids
    FROM fresh LEFT JOIN bound USING (checkout_id) GROUP BY checkout_id
""")
_FOUND = text("SELECT decision_id, tier, decided_at FROM decisions WHERE checkout_id = :checkout_id FOR UPDATE")
_STANDING = text("""
    SELECT voucher_id, checkout_id, slot, state, tier, leased_by IS NOT NULL AS leased, held_until IS NOT NULL AS held FROM vouchers
    WHERE voucher_id = ANY(CAST(:voucher_ids AS text[])) OR checkout_id = :checkout_id
    ORDER BY voucher_id FOR UPDATE
""")
_VOID = text(f"""
    WITH untold AS (
        SELECT voucher_id, reserved_cents AS released_cents FROM vouchers
        WHERE voucher_id = ANY(CAST(:voucher_ids AS text[])) AND state = 'issued' ORDER BY voucher_id FOR UPDATE
    ),
    ended AS (
        UPDATE vouchers SET state = 'void', reserved_cents = 0, checkout_id = 'void:' || checkout_id
        FROM untold WHERE vouchers.voucher_id = untold.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, vouchers.customer_id, vouchers.receipt_id, vouchers.store_id,
                  vouchers.currency, untold.released_cents
    ),
    {freed(ledger.voided, cause=":checkout_id")}
    SELECT voucher_id, campaign_id, customer_id, receipt_id, store_id, currency, released_cents FROM ended ORDER BY voucher_id
""")  # noqa: S608  # a part of our own
_REPLACE = text("""
    UPDATE decisions SET decision_id = :decision_id, receipt_id = :receipt_id, store_id = :store_id, customer_id = NULL,
                         tier = :tier, reason = :reason, "group" = :group, model_id = :model_id, proposal = :proposal,
                         decided_at = :decided_at, asked = :asked
    WHERE checkout_id = :checkout_id
""")
_BIND = text("""
    UPDATE vouchers SET state = CASE WHEN state = 'leased' THEN 'issued' ELSE state END, leased_by = NULL,
                        checkout_id = :checkout_id, slot = :slot, receipt_id = :receipt_id, store_id = :store_id,
                        item_ids = CAST(:item_ids AS text[]), propensity_ratio = :propensity_ratio, valid_from = :valid_from,
                        expires_at = :expires_at
    WHERE voucher_id = :voucher_id
""")


class PostgresBindings:
    """The part of LeaseStore that binds, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def bind_new(self, handed: Sequence[HandedOut]) -> Mapping[str, Collection[str]]:
        """As the port promises."""
        decisions = [_decision(each) for each in handed]
        names: dict[str, Any] = {name: [each[name] for each in decisions] for name in decisions[0]}
        vouchers = [(each.checkout_id, voucher) for each in handed for voucher in each.proposal.vouchers]
        names |= {
            "drafts": [checkout_id for checkout_id, _ in vouchers],
            "slot": [voucher.slot for _, voucher in vouchers],
            "voucher_id": [voucher.voucher_id for _, voucher in vouchers],
            "item_ids": ["\x1f".join(voucher.item_ids) for _, voucher in vouchers],
            "propensity_ratio": [voucher.propensity_ratio for _, voucher in vouchers],
            "valid_from": [voucher.valid_from for _, voucher in vouchers],
            "expires_at": [voucher.expires_at for _, voucher in vouchers],
        }
        rows = await self._tx.connection.execute(_BIND_NEW, names)
        return {row.checkout_id: row.voucher_ids for row in rows}

    async def decide(self, handed: HandedOut) -> Decided | None:
        """As the port promises."""
        if (await self._tx.connection.execute(_DECIDE, _decision(handed))).rowcount:
            return None
        row = (await self._tx.connection.execute(_FOUND, {"checkout_id": handed.checkout_id})).one()
        return Decided(decision_id=row.decision_id, tier=row.tier, decided_at=row.decided_at)

    async def standing(self, handed: HandedOut) -> Sequence[Standing]:
        """As the port promises."""
        names = {"voucher_ids": list(handed.slots), "checkout_id": handed.checkout_id}
        return [
            Standing(**{**row, "state": VoucherState(row["state"])})
            for row in (await self._tx.connection.execute(_STANDING, names)).mappings()
        ]

    async def void(self, voucher_ids: Sequence[str], handed: HandedOut, now: datetime) -> Sequence[ExpiredVoucher]:
        """As the port promises."""
        names = {"voucher_ids": list(voucher_ids), "checkout_id": handed.checkout_id, "now": now}
        return [ExpiredVoucher(**row) for row in (await self._tx.connection.execute(_VOID, names)).mappings()]

    async def replace(self, handed: HandedOut) -> None:
        """As the port promises."""
        await self._tx.connection.execute(_REPLACE, _decision(handed))

    async def bind(self, handed: HandedOut, voucher_id: str, slot: int) -> None:
        """As the port promises."""
        voucher = next(each for each in handed.proposal.vouchers if each.voucher_id == voucher_id)
        names = {
            "voucher_id": voucher_id,
            "checkout_id": handed.checkout_id,
            "slot": slot,
            "receipt_id": handed.receipt_id,
            "store_id": handed.store_id,
            "item_ids": list(voucher.item_ids),
            "propensity_ratio": voucher.propensity_ratio,
            "valid_from": voucher.valid_from,
            "expires_at": voucher.expires_at,
        }
        await self._tx.connection.execute(_BIND, names)

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """As the port promises."""
        await append(self._tx, messages)


def _decision(handed: HandedOut) -> dict[str, Any]:
    proposal = handed.proposal
    return {
        "checkout_id": proposal.checkout_id,
        "decision_id": proposal.decision_id,
        "receipt_id": handed.receipt_id,
        "store_id": handed.store_id,
        "tier": proposal.tier,
        "reason": proposal.reason,
        "group": proposal.group,
        "model_id": proposal.model_id,
        "proposal": pack(proposal),
        "decided_at": handed.handed_at,
        "asked": handed.asked,
    }
