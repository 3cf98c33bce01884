"""Webhook subscriptions and deliveries on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.webhooks import Delivery, State, Webhook
from services.inventory.ports.webhooks import Registered, Secrets
from services.inventory.store.columns import columns

_WEBHOOK = (
    "webhook_id", "url", "event_types", "cursor", "run", "state", "disabled_for", "failures", "failing_since",
    "next_attempt_at",
)  # fmt: skip
_SECRETS = ("salt", "generation", "key_name", "former_key_name", "former_until")
_OTHERS = ("description", "created_by", "created_at")
_NAMES = (*_WEBHOOK, *_SECRETS, *_OTHERS)
_SELECT = f"SELECT {', '.join(_NAMES)} FROM webhooks"  # noqa: S608  # our own columns
_ALL = text(f"{_SELECT} ORDER BY webhook_id")
_GET = text(f"{_SELECT} WHERE webhook_id = :webhook_id")
_LOCK = text(f"{_SELECT} WHERE webhook_id = :webhook_id FOR UPDATE")
_PUT = text(f"""
    INSERT INTO webhooks ({", ".join(_NAMES)}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (webhook_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])}
""")  # noqa: S608  # our own columns
_DELETE = text("DELETE FROM webhooks WHERE webhook_id = :webhook_id")
_LEASE = text(f"""
    WITH due AS (
        SELECT webhook_id FROM webhooks
        WHERE state = 'active' AND coalesce(next_attempt_at <= :now, true) AND coalesce(leased_until <= :now, true)
          AND cursor < (SELECT coalesce(max(position), 0) FROM command_log)
        ORDER BY leased_until NULLS FIRST, webhook_id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE webhooks SET lease_owner = :owner, leased_until = :until
    FROM due WHERE webhooks.webhook_id = due.webhook_id RETURNING {", ".join(f"webhooks.{name}" for name in _NAMES)}
""")  # noqa: S608  # our own columns
_RELEASE = text(f"""
    UPDATE webhooks SET lease_owner = NULL, leased_until = :now WHERE webhook_id = :webhook_id AND lease_owner = :owner
    RETURNING {", ".join(_NAMES)}
""")  # noqa: S608  # our own columns
_DELIVERY = {
    "position": "bigint",
    "message_id": "text",
    "item_id": "text",
    "type": "text",
    "attempts": "integer",
    "first_attempt_at": "timestamptz",
    "last_attempt_at": "timestamptz",
    "next_attempt_at": "timestamptz",
    "delivered_at": "timestamptz",
    "status": "integer",
    "error": "text",
}
_DELIVERIES = text(f"""
    SELECT {", ".join(_DELIVERY)} FROM webhook_deliveries
    WHERE webhook_id = :webhook_id AND run = :run AND position > :after
      AND (CAST(:positions AS bigint[]) IS NULL OR position = ANY(CAST(:positions AS bigint[])))
    ORDER BY position LIMIT :page
""")  # noqa: S608  # our own columns
_NOTE = text(f"""
    INSERT INTO webhook_deliveries (webhook_id, run, {", ".join(_DELIVERY)})
    SELECT :webhook_id, :run, new.* FROM unnest({
    ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _DELIVERY.items())
}) AS new
    ON CONFLICT (webhook_id, run, position) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in list(_DELIVERY)[4:])}
""")  # noqa: S608  # our own columns
_POSITION = text("SELECT coalesce(max(position), 0) FROM command_log WHERE position IS NOT NULL AND at < :at")
_FORGET = text("""
    DELETE FROM webhook_deliveries WHERE (webhook_id, run, position) IN (
        SELECT webhook_id, done.run, position FROM webhook_deliveries AS done JOIN webhooks USING (webhook_id)
        WHERE delivered_at < :moment AND (position <= cursor OR done.run < webhooks.run)
        ORDER BY delivered_at LIMIT :most FOR UPDATE OF done SKIP LOCKED)
""")
# Of two that subscribe at once under one name the second must find the first: only one secret is given out.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext(:lock_name))")
_WAITING = text("""
    SELECT 'webhooks' AS gauge, ARRAY[state] AS labels, count(*)::float8 AS value FROM webhooks GROUP BY state
    UNION ALL
    SELECT 'webhook_lag', ARRAY[webhook_id],
           greatest((SELECT coalesce(max(position), 0) FROM command_log) - cursor, 0)::float8 FROM webhooks
""")


class PostgresWebhooks:
    """Fits WebhookStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def all(self) -> Sequence[Registered]:
        """Every subscription, in the order of ids."""
        return [_registered(row) for row in await self._tx.connection.execute(_ALL)]

    async def get(self, webhook_id: str, *, lock: bool = False) -> Registered | None:
        """One of them."""
        found = await self._tx.connection.execute(_LOCK if lock else _GET, {"webhook_id": webhook_id})
        row = found.one_or_none()
        return None if row is None else _registered(row)

    async def alone(self, webhook_id: str) -> None:
        """Wait for whoever else asked for the same."""
        await self._tx.connection.execute(_ALONE, {"lock_name": f"{self._tx.schema}.webhooks:{webhook_id}"})

    async def put(self, registered: Registered) -> None:
        """Insert or replace; the lease stays."""
        values = {
            name: getattr(part, name)
            for part, names in (
                (registered.webhook, _WEBHOOK),
                (registered.secrets, _SECRETS),
                (registered, _OTHERS),
            )
            for name in names
        }
        values |= {"event_types": sorted(registered.webhook.event_types), "state": registered.webhook.state.value}
        await self._tx.connection.execute(_PUT, values)

    async def delete(self, webhook_id: str) -> bool:
        """Remove one with its deliveries."""
        return (await self._tx.connection.execute(_DELETE, {"webhook_id": webhook_id})).rowcount > 0

    async def lease(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Registered]:
        """Those that are due and that nobody holds, the longest unserved first, held by `owner` until then."""
        wanted = {"owner": owner, "now": now, "until": until, "most": limit}
        return [_registered(row) for row in await self._tx.connection.execute(_LEASE, wanted)]

    async def release(self, webhook_id: str, owner: str, now: datetime) -> Webhook | None:
        """The subscription as it is now, locked, and free for others."""
        wanted = {"webhook_id": webhook_id, "owner": owner, "now": now}
        found = await self._tx.connection.execute(_RELEASE, wanted)
        row = found.one_or_none()
        return None if row is None else _registered(row).webhook

    async def deliveries(
        self, webhook_id: str, run: int, after: int, positions: Collection[int] | None = None, limit: int = 1_000
    ) -> Sequence[Delivery]:
        """What is known behind `after`."""
        wanted = {
            "webhook_id": webhook_id,
            "run": run,
            "after": after,
            "positions": None if positions is None else sorted(positions),
            "page": limit,
        }
        return [Delivery(**row._mapping) for row in await self._tx.connection.execute(_DELIVERIES, wanted)]  # noqa: SLF001  # a Row's public mapping

    async def note(self, webhook_id: str, run: int, deliveries: Collection[Delivery]) -> None:
        """Keep deliveries as they are now."""
        if not deliveries:
            return
        rows = [astuple(each) for each in sorted(deliveries, key=lambda each: each.position)]
        names = [each.name for each in fields(Delivery)]
        await self._tx.connection.execute(_NOTE, {"webhook_id": webhook_id, "run": run, **columns(names, rows)})

    async def position_before(self, at: datetime) -> int:
        """The last position that was written before `at`."""
        return int((await self._tx.connection.execute(_POSITION, {"at": at})).scalar_one())

    async def forget_before(self, moment: datetime, most: int) -> int:
        """Drop delivered entries older than that, but those that a cursor has still to pass."""
        return (await self._tx.connection.execute(_FORGET, {"moment": moment, "most": most})).rowcount

    async def waiting(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show."""
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for row in await self._tx.connection.execute(_WAITING):
            found.setdefault(row.gauge, {})[tuple(row.labels)] = row.value
        return found


def _registered(row: Any) -> Registered:
    values = dict(row._mapping)  # noqa: SLF001  # a Row's public mapping
    webhook = {name: values[name] for name in _WEBHOOK}
    webhook |= {"event_types": frozenset(values["event_types"]), "state": State(values["state"])}
    return Registered(
        webhook=Webhook(**webhook),
        secrets=Secrets(**{name: values[name] for name in _SECRETS}),
        **{name: values[name] for name in _OTHERS},
    )
