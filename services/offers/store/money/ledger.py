"""The books in PostgreSQL: posting transfers together with the budget that they move, and adding them up again."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Account, Move, Transfer, balances
from services.offers.ports.money import Books, Cause, Posted

BUDGET_COLUMNS = """
    budgets.cap_cents, budgets.reserved_cents, budgets.spent_cents, budgets.leased_cents, budgets.lost_cents,
    budgets.backing_cents, budgets.over_issue_cents
"""
"""What `budget_of` reads."""

_LOCK = text(f"SELECT {BUDGET_COLUMNS} FROM budgets WHERE campaign_id = :campaign_id FOR NO KEY UPDATE")  # noqa: S608  # columns of our own
_POST = text("""
    WITH moved AS (
        UPDATE budgets SET cap_cents = cap_cents - :funder - :backing - :lost, reserved_cents = reserved_cents + :reserved,
                           spent_cents = spent_cents + :spent, leased_cents = leased_cents + :leased,
                           lost_cents = lost_cents + :lost, backing_cents = backing_cents + :backing,
                           over_issue_cents = coalesce(CAST(:over_issue AS bigint), over_issue_cents), transfers = transfers + :count
        WHERE campaign_id = :campaign_id RETURNING transfers - :count AS before
    )
    INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, voucher_id, cause_id, occurred_at)
    SELECT :campaign_id, before + place, move, from_account, to_account, amount_cents, :voucher_id, :cause_id,
           coalesce(CAST(:at AS timestamptz), now())
    FROM moved, unnest(CAST(:moves AS text[]), CAST(:from_accounts AS text[]), CAST(:to_accounts AS text[]),
                       CAST(:amounts AS bigint[]))
                WITH ORDINALITY AS step (move, from_account, to_account, amount_cents, place)
""")
_SUMMED = ",\n           ".join(
    f"coalesce(sums.{each}_cents, 0) + newer.{each} AS held_{each}_cents" for each in Account
)
_NEWER = ",\n               ".join(
    f"""coalesce(sum(amount_cents) FILTER (WHERE to_account = '{each}'), 0)
             - coalesce(sum(amount_cents) FILTER (WHERE from_account = '{each}'), 0) AS {each}"""
    for each in Account
)
_BOOKS = text(f"""
    SELECT budgets.campaign_id, currency, {BUDGET_COLUMNS}, transfers,
           coalesce(sums.number, 0) + newer.counted AS counted, newest,
           {_SUMMED}
    FROM budgets LEFT JOIN journal_sums AS sums USING (campaign_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS counted, coalesce(max(number), coalesce(sums.number, 0)) AS newest,
               {_NEWER}
        FROM journal WHERE journal.campaign_id = budgets.campaign_id AND number > coalesce(sums.number, 0)
    ) AS newer
    WHERE CAST(:campaign_id AS text) IS NULL OR budgets.campaign_id = :campaign_id
    ORDER BY budgets.campaign_id
""")  # noqa: S608  # names of our own
_HELD = tuple(f"{each}_cents" for each in Account)
_KEEP_SUMS = text(f"""
    INSERT INTO journal_sums (campaign_id, number, summed_at, {", ".join(_HELD)})
    VALUES (:campaign_id, :number, :now, {", ".join(f":{column}" for column in _HELD)})
    ON CONFLICT (campaign_id) DO UPDATE SET
        (number, summed_at, {", ".join(_HELD)})
        = (excluded.number, excluded.summed_at, {", ".join(f"excluded.{column}" for column in _HELD)})
    WHERE journal_sums.number < excluded.number
""")  # noqa: S608  # names of our own
_JOURNAL = text("""
    SELECT number, move, from_account, to_account, amount_cents, voucher_id, cause_id, occurred_at, posted_at FROM journal
    WHERE campaign_id = :campaign_id AND number > :after ORDER BY number LIMIT :limit
""")


def freed(step: Callable[[int], Sequence[Transfer]], *, cause: str) -> str:
    """The parts of a statement, behind its part `ended`, that free what ended vouchers had reserved, in budgets and journal.

    `step` is the one of domain/money/ledger.py that says which move it is; `ended` has campaign_id, voucher_id and released_cents; `cause` is SQL for what to call the cause; the statement has `:now`.
    """
    (transfer,) = step(1)
    return f"""
    locked AS (
        SELECT campaign_id, transfers FROM budgets WHERE campaign_id IN (SELECT campaign_id FROM ended)
        ORDER BY campaign_id FOR NO KEY UPDATE
    ),
    let_go AS (
        SELECT ended.campaign_id, ended.voucher_id, ended.released_cents, locked.transfers
        FROM ended JOIN locked USING (campaign_id) WHERE ended.released_cents > 0
    ),
    released AS (
        UPDATE budgets SET reserved_cents = budgets.reserved_cents - sums.cents, transfers = budgets.transfers + sums.transfers
        FROM (SELECT campaign_id, sum(released_cents) AS cents, count(*) AS transfers FROM let_go GROUP BY campaign_id) AS sums
        WHERE budgets.campaign_id = sums.campaign_id
    ),
    posted AS (
        INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, voucher_id, cause_id, occurred_at)
        SELECT campaign_id, transfers + row_number() OVER (PARTITION BY campaign_id ORDER BY voucher_id),
               '{transfer.move}', '{transfer.from_account}', '{transfer.to_account}', released_cents, voucher_id, {cause}, :now
        FROM let_go
    )"""  # noqa: S608  # names of our own


async def lock_budget(tx: Transaction, campaign_id: str) -> Budget:
    """A campaign's budget, locked until the end."""
    return budget_of((await tx.connection.execute(_LOCK, {"campaign_id": campaign_id})).one())


async def find_budget(tx: Transaction, campaign_id: str) -> Budget | None:
    """The same; None for an unknown campaign."""
    row = (await tx.connection.execute(_LOCK, {"campaign_id": campaign_id})).one_or_none()
    return budget_of(row) if row else None


def budget_of(row: Any) -> Budget:
    """The budget in a row that has BUDGET_COLUMNS."""
    return Budget(
        cap_cents=row.cap_cents,
        reserved_cents=row.reserved_cents,
        spent_cents=row.spent_cents,
        leased_cents=row.leased_cents,
        lost_cents=row.lost_cents,
        backing_cents=row.backing_cents,
        over_issue_cents=row.over_issue_cents,
    )


async def post(
    tx: Transaction,
    campaign_id: str,
    transfers: Sequence[Transfer],
    cause: Cause,
    voucher_id: str | None = None,
    *,
    over_issue_cents: int | None = None,
) -> None:
    """Post transfers and move the budget by exactly their sums: money has no other way.

    `over_issue_cents` is what may be promised above the cap from now on; None: as before. Raises RuntimeError for a campaign without a budget.
    """
    if not transfers and over_issue_cents is None:
        return
    moved = balances(transfers)
    names = {
        "campaign_id": campaign_id,
        **{str(account): cents for account, cents in moved.items()},
        "over_issue": over_issue_cents,
        "count": len(transfers),
        "voucher_id": voucher_id,
        "cause_id": cause.cause_id,
        "at": cause.at,
        "moves": [transfer.move for transfer in transfers],
        "from_accounts": [transfer.from_account for transfer in transfers],
        "to_accounts": [transfer.to_account for transfer in transfers],
        "amounts": [transfer.amount_cents for transfer in transfers],
    }
    if (await tx.connection.execute(_POST, names)).rowcount != len(transfers):
        raise RuntimeError(f"campaign {campaign_id} has no budget")


class PostgresLedger:
    """Fits LedgerStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def books(self, *, campaign_id: str | None = None) -> Sequence[Books]:
        """Every campaign's, or one's, by id: what is in the journal added up to its end."""
        rows = await self._tx.connection.execute(_BOOKS, {"campaign_id": campaign_id})
        return [
            Books(
                campaign_id=row.campaign_id,
                currency=row.currency,
                budget=budget_of(row),
                transfers=row.transfers,
                counted=row.counted,
                newest=row.newest,
                balances={account: int(row._mapping[f"held_{account}_cents"]) for account in Account},  # noqa: SLF001 - the rows' own name for it
            )
            for row in rows
        ]

    async def keep_sums(self, books: Sequence[Books], now: datetime) -> None:
        """Note how far these were added up, for the next time."""
        for each in books:
            sums = {f"{account}_cents": cents for account, cents in each.balances.items()}
            names = {"campaign_id": each.campaign_id, "number": each.counted, "now": now}
            await self._tx.connection.execute(_KEEP_SUMS, names | sums)

    async def journal(self, campaign_id: str, *, after: int, limit: int) -> Sequence[Posted]:
        """The next transfers of a campaign behind number `after`, in order."""
        names = {"campaign_id": campaign_id, "after": after, "limit": limit}
        return [
            Posted(
                number=row.number,
                transfer=Transfer(Move(row.move), Account(row.from_account), Account(row.to_account), row.amount_cents),
                voucher_id=row.voucher_id,
                cause_id=row.cause_id,
                occurred_at=row.occurred_at,
                posted_at=row.posted_at,
            )
            for row in await self._tx.connection.execute(_JOURNAL, names)
        ]
