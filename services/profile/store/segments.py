"""Segments, their members and the sweep on PostgreSQL."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction, append
from services.profile.domain.segments import Segment, SegmentDocument
from services.profile.ports.segments import MemberRow, MovedRow, Sample, SegmentRow, SweepRow

# Whoever folds shares it, whoever saves has it alone: so no view is made by old rules once newer ones are in force.
_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtext('profile.segments'), 0)")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('profile.segments'), 0)")
_NUMBER = text("SELECT coalesce(max(number), 0) FROM segments")
_ALL = text("SELECT segment_id, version, document, saved_at, saved_by FROM segments ORDER BY segment_id")
_VERSION = text("""
    SELECT segment_id, version, document, saved_at, saved_by FROM segment_versions
    WHERE segment_id = :segment_id AND version = coalesce(CAST(:version AS bigint), version)
    ORDER BY version DESC LIMIT 1
""")
_SAVE = text("""
    WITH newest AS (
        INSERT INTO segments (segment_id, version, number, document, saved_at, saved_by)
        VALUES (:segment_id, :version, :number, :document, :saved_at, :saved_by)
        ON CONFLICT (segment_id) DO UPDATE
        SET version = excluded.version, number = excluded.number, document = excluded.document,
            saved_at = excluded.saved_at, saved_by = excluded.saved_by
    )
    INSERT INTO segment_versions (segment_id, version, document, saved_at, saved_by)
    VALUES (:segment_id, :version, :document, :saved_at, :saved_by)
""")
_MEMBERS = text("""
    SELECT customer_id, segment_id, entered_at, identity_changes.occurred_at AS superseded_at
    FROM segment_members LEFT JOIN identity_changes USING (customer_id)
    WHERE customer_id = ANY(CAST(:customer_ids AS text[]))
""")
_ENTER = text("""
    INSERT INTO segment_members (customer_id, segment_id, entered_at)
    SELECT * FROM unnest(CAST(:customer_ids AS text[]), CAST(:segment_ids AS text[]), CAST(:entered AS timestamptz[]))
""")
_LEAVE = text("""
    DELETE FROM segment_members USING unnest(CAST(:customer_ids AS text[]), CAST(:segment_ids AS text[]))
           AS gone (customer_id, segment_id)
    WHERE segment_members.customer_id = gone.customer_id AND segment_members.segment_id = gone.segment_id
""")
_COUNT = text("""
    INSERT INTO segment_sizes (segment_id, members_count)
    SELECT * FROM unnest(CAST(:segment_ids AS text[]), CAST(:changes AS bigint[]))
    ON CONFLICT (segment_id) DO UPDATE SET members_count = segment_sizes.members_count + excluded.members_count
""")
_SIZES = text("SELECT segment_id, members_count FROM segment_sizes")
_SWEEP_COLUMNS = "number, after_customer, customers_done, customers_total, changed_count, finished"
_SWEEP = text(f"SELECT {_SWEEP_COLUMNS} FROM segment_sweep")  # noqa: S608  # a constant
_LOCK_SWEEP = text(f"SELECT {_SWEEP_COLUMNS} FROM segment_sweep FOR UPDATE SKIP LOCKED")  # noqa: S608  # a constant
_SAVE_SWEEP = text("""
    UPDATE segment_sweep SET number = :number, after_customer = :after_customer, customers_done = :customers_done,
           customers_total = :customers_total, changed_count = :changed_count, finished = :finished
""")
_CUSTOMERS = text("""
    SELECT customer_id FROM customers WHERE customer_id > :after AND body IS NOT NULL ORDER BY customer_id LIMIT :most
""")
# Whole pages of the table, not a range of ids: the id of a person is the smallest of several, so ranges favour nobody's or somebody's.
_SAMPLE = text("""
    WITH share AS (
        SELECT least(1.0, CAST(:pages AS float8) / greatest(pg_relation_size('customers') / 8192, 1)) AS ratio
    ), drawn AS (
        SELECT customer_id, (ctid::text::point)[0] AS page FROM customers TABLESAMPLE SYSTEM ((SELECT 100 * ratio FROM share)) REPEATABLE (1)
        WHERE body IS NOT NULL
    )
    SELECT (SELECT round(count(*) / (SELECT ratio FROM share)) FROM drawn)::bigint AS customers_count,
           -- Each page is drawn or not by a coin of its own: Var = sum of y^2 (1 - p) / p^2 over what was drawn.
           (SELECT coalesce(sqrt((1 - (SELECT ratio FROM share)) * sum(found ^ 2)) / sum(found), 0)
            FROM (SELECT count(*) AS found FROM drawn GROUP BY page) AS pages)::float8 AS error_ratio,
           ARRAY(SELECT customer_id FROM drawn ORDER BY md5(customer_id) LIMIT :most) AS customer_ids
""")
_PAGES = 400


class PostgresSegments:
    """Fits SegmentStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._connection = tx.connection

    async def number(self) -> int:
        """As the port promises."""
        await self._connection.execute(_SHARE)
        return int((await self._connection.execute(_NUMBER)).scalar_one())

    async def lock(self) -> int:
        """As the port promises."""
        await self._connection.execute(_LOCK)
        return int((await self._connection.execute(_NUMBER)).scalar_one())

    async def all(self) -> Sequence[SegmentRow]:
        """As the port promises."""
        return [_row(found) for found in await self._connection.execute(_ALL)]

    async def version(self, segment_id: str, version: int | None) -> SegmentRow | None:
        """As the port promises."""
        found = await self._connection.execute(_VERSION, {"segment_id": segment_id, "version": version})
        row = found.one_or_none()
        return None if row is None else _row(row)

    async def save(self, row: SegmentRow, number: int) -> None:
        """As the port promises."""
        await self._connection.execute(
            _SAVE,
            {
                "segment_id": row.segment.segment_id,
                "version": row.segment.version,
                "number": number,
                "document": row.segment.document.model_dump_json(),
                "saved_at": row.saved_at,
                "saved_by": row.saved_by,
            },
        )

    async def members(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[MemberRow]]:
        """As the port promises."""
        found: defaultdict[str, list[MemberRow]] = defaultdict(list)
        for row in await self._connection.execute(_MEMBERS, {"customer_ids": list(customer_ids)}):
            member = MemberRow(segment_id=row.segment_id, entered_at=row.entered_at, superseded_at=row.superseded_at)
            found[row.customer_id].append(member)
        return found

    async def move(self, rows: Sequence[MovedRow]) -> None:
        """As the port promises."""
        if not rows:
            return
        entered, left = [row for row in rows if row.entered], [row for row in rows if not row.entered]
        if left:
            await self._connection.execute(_LEAVE, _pairs(left))
        if entered:
            moments = {"entered": [row.occurred_at for row in entered]}
            await self._connection.execute(_ENTER, _pairs(entered) | moments)
        await append(self._tx, [row.message for row in rows])
        changes = Counter({row.segment_id: 0 for row in rows})
        for row in rows:
            changes[row.segment_id] += 1 if row.entered else -1
        # Last, and in one order: the rows that all folders share are locked for the shortest time.
        sizes = sorted(changes.items())
        await self._connection.execute(
            _COUNT, {"segment_ids": [name for name, _ in sizes], "changes": [change for _, change in sizes]}
        )

    async def sizes(self) -> Mapping[str, int]:
        """As the port promises."""
        return {row.segment_id: row.members_count for row in await self._connection.execute(_SIZES)}

    async def sweep(self) -> SweepRow:
        """As the port promises."""
        return _sweep((await self._connection.execute(_SWEEP)).one())

    async def lock_sweep(self) -> SweepRow | None:
        """As the port promises."""
        row = (await self._connection.execute(_LOCK_SWEEP)).one_or_none()
        return None if row is None else _sweep(row)

    async def save_sweep(self, row: SweepRow) -> None:
        """As the port promises."""
        await self._connection.execute(
            _SAVE_SWEEP,
            {
                "number": row.number,
                "after_customer": row.after_customer,
                "customers_done": row.customers_done,
                "customers_total": row.customers_total,
                "changed_count": row.changed_count,
                "finished": row.finished,
            },
        )

    async def customers_after(self, customer_id: str, limit: int) -> Sequence[str]:
        """As the port promises."""
        rows = await self._connection.execute(_CUSTOMERS, {"after": customer_id, "most": limit})
        return list(rows.scalars())

    async def sample(self, limit: int) -> Sample:
        """As the port promises."""
        row = (await self._connection.execute(_SAMPLE, {"pages": _PAGES, "most": limit})).one()
        return Sample(
            customer_ids=sorted(row.customer_ids), customers_count=row.customers_count, error_ratio=row.error_ratio
        )


def _pairs(rows: Sequence[MovedRow]) -> dict[str, Any]:
    return {"customer_ids": [row.customer_id for row in rows], "segment_ids": [row.segment_id for row in rows]}


def _row(found: Any) -> SegmentRow:
    document = SegmentDocument.model_validate_json(found.document)
    return SegmentRow(
        segment=Segment(segment_id=found.segment_id, version=found.version, document=document),
        saved_at=found.saved_at,
        saved_by=found.saved_by,
    )


def _sweep(found: Any) -> SweepRow:
    return SweepRow(**found._mapping)  # noqa: SLF001  # a Row's public mapping
