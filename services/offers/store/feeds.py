"""Copies of what others publish; one statement per kind and batch. A version not above the known one changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.consent import Channel, Purpose
from libs.common.contracts.inventory import Availability
from libs.common.contracts.profile import IdentityChanged, ModelPublished, ProfileSnapshot
from libs.common.persistence import Transaction, mark_seen
from libs.ranking.sketch import Sketch
from libs.ranking.state import CustomerRankingState, state_of
from services.offers.domain.decisions.needs import MODEL_NAME

_INBOX_SCOPE = "offers"
_NOTHING_KNOWN = state_of([], {})

_CUSTOMERS = text("""
    INSERT INTO customers (customer_id, version, sketched_version, accepted_at, personal_offers, open_complaint, ranking_state,
                           sketch, item_ids, household_id)
    VALUES (:customer_id, :version, :version, :accepted_at, :personal_offers, :open_complaint, :ranking_state, :sketch, :item_ids, :household_id)
    ON CONFLICT (customer_id) DO UPDATE SET
        version = excluded.version, sketched_version = excluded.sketched_version, accepted_at = excluded.accepted_at,
        personal_offers = excluded.personal_offers, open_complaint = excluded.open_complaint, sketch = excluded.sketch,
        ranking_state = excluded.ranking_state, item_ids = excluded.item_ids, household_id = excluded.household_id
    WHERE customers.version < excluded.version
""")
_NO_CUSTOMERS = text("DELETE FROM customers WHERE customer_id = ANY(CAST(:keys AS text[]))")
_IDENTITIES = text("""
    INSERT INTO identities (customer_id, version, now_customer_id)
    SELECT * FROM unnest(CAST(:customer_ids AS text[]), CAST(:versions AS bigint[]), CAST(:now_ids AS text[]))
    ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version, now_customer_id = excluded.now_customer_id
    WHERE identities.version < excluded.version
""")
_NO_IDENTITIES = text("DELETE FROM identities WHERE customer_id = ANY(CAST(:keys AS text[]))")
_VOUCHERS_FOLLOW = text("""
    WITH theirs AS (
        SELECT voucher_id, now_id FROM vouchers
        JOIN unnest(CAST(:customer_ids AS text[]), CAST(:now_ids AS text[])) AS became (customer_id, now_id) USING (customer_id)
        WHERE now_id <> customer_id ORDER BY voucher_id FOR UPDATE OF vouchers  -- as tills lock those that are shown together
    ) UPDATE vouchers SET customer_id = now_id FROM theirs WHERE vouchers.voucher_id = theirs.voucher_id
""")
_MODEL = text("""
    INSERT INTO models (model_name, number, model_id, body, revision)
    VALUES (:model_name, :number, :model_id, :body, :revision)
    ON CONFLICT (model_name) DO UPDATE SET
        number = excluded.number, model_id = excluded.model_id, body = excluded.body, revision = excluded.revision
    WHERE models.number < excluded.number
""")
_AVAILABILITY = text("""
    INSERT INTO availability (store_id, item_id, version, there)
    SELECT * FROM unnest(CAST(:store_ids AS text[]), CAST(:item_ids AS text[]), CAST(:versions AS bigint[]),
                         CAST(:there AS boolean[]))
    ON CONFLICT (store_id, item_id) DO UPDATE SET version = excluded.version, there = excluded.there
    WHERE availability.version < excluded.version
""")
_NO_AVAILABILITY = text("""  -- the row stays: doors that remember the store hear of it
    UPDATE availability SET version = 0, there = false FROM unnest(CAST(:keys AS text[])) AS gone
    WHERE availability.store_id || ':' || availability.item_id = gone
""")
_ITEMS = text("""
    INSERT INTO items (item_id, name, category, item_type, price_cents, voucherable, stock_keeping, barred,
                       stated_at, event_id, revision)
    VALUES (:item_id, :name, :category, :item_type, :price_cents, :voucherable, :stock_keeping, :barred,
            :stated_at, :event_id, :revision)
    ON CONFLICT (item_id) DO UPDATE SET
        name = excluded.name, category = excluded.category, item_type = excluded.item_type,
        price_cents = excluded.price_cents, voucherable = excluded.voucherable, stock_keeping = excluded.stock_keeping,
        barred = excluded.barred, stated_at = excluded.stated_at, event_id = excluded.event_id,
        revision = excluded.revision, gone = false
    WHERE (items.stated_at, items.event_id) < (excluded.stated_at, excluded.event_id)
""")
_NO_ITEMS = text("UPDATE items SET gone = true, revision = :revision WHERE item_id = ANY(CAST(:keys AS text[]))")
_STORES = text("""
    INSERT INTO stores (store_id, name, time_zone, currency, country, region, partner, closed_weekdays, closed_on, stated_at,
                        event_id, revision)
    VALUES (:store_id, :name, :time_zone, :currency, :country, :region, :partner, CAST(:closed_weekdays AS smallint[]),
            CAST(:closed_on AS date[]), :stated_at, :event_id, :revision)
    ON CONFLICT (store_id) DO UPDATE SET
        name = excluded.name, time_zone = excluded.time_zone, currency = excluded.currency, country = excluded.country,
        region = excluded.region, partner = excluded.partner,
        closed_weekdays = excluded.closed_weekdays, closed_on = excluded.closed_on,
        stated_at = excluded.stated_at, event_id = excluded.event_id, revision = excluded.revision
    WHERE (stores.stated_at, stores.event_id) < (excluded.stated_at, excluded.event_id)
""")
_REVISION = text("UPDATE revisions SET revision = revision + 1 WHERE kind = :kind RETURNING revision")
_FEED = text("""
    INSERT INTO feeds (topic, partition, fresh_at) VALUES (:topic, :partition, :fresh_at)
    ON CONFLICT (topic, partition) DO UPDATE SET fresh_at = greatest(feeds.fresh_at, excluded.fresh_at)
""")
_COMPLETE = text("SELECT min(fresh_at) FROM feeds WHERE topic = :topic")
_CLOCK = text("""
    INSERT INTO play_clock (reached_at) VALUES (:reached_at)
    ON CONFLICT (one) DO UPDATE SET reached_at = greatest(play_clock.reached_at, excluded.reached_at)
""")


class PostgresReadModel:
    """Fits ReadModel within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def apply_snapshots(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Newest views of customers; `gone` are customer ids whose view was removed."""
        await self._delete(_NO_CUSTOMERS, gone)
        newest = {event.data.customer_id: event.data for event in events if isinstance(event.data, ProfileSnapshot)}
        await self._write(_CUSTOMERS, [_customer(newest[customer_id]) for customer_id in sorted(newest)])

    async def apply_identities(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Old customer ids and what they became; the vouchers follow, so that limits per customer survive a merge."""
        await self._delete(_NO_IDENTITIES, gone)
        newest = {event.data.customer_id: event.data for event in events if isinstance(event.data, IdentityChanged)}
        if not newest:
            return
        names = {
            "customer_ids": sorted(newest),
            "versions": [newest[customer_id].version for customer_id in sorted(newest)],
            "now_ids": [newest[customer_id].now_customer_id for customer_id in sorted(newest)],
        }
        await self._tx.connection.execute(_IDENTITIES, names)
        await self._tx.connection.execute(_VOUCHERS_FOLLOW, names)

    async def apply_models(self, events: Sequence[Event]) -> None:
        """The newest of the models that checkouts ask; the others are left alone."""
        published = [event.data for event in events if isinstance(event.data, ModelPublished)]
        asked = [model for model in published if model.model_name == MODEL_NAME]
        if asked:
            revision = await self._next_revision("models")
            await self._write(_MODEL, [_model(asked[-1], revision)])

    async def apply_availability(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """What each store has; `gone` are keys `store:item`."""
        await self._delete(_NO_AVAILABILITY, gone)
        newest = {event.data.partition_key: event.data for event in events if isinstance(event.data, Availability)}
        states = [newest[key] for key in sorted(newest)]
        if states:
            await self._tx.connection.execute(
                _AVAILABILITY,
                {
                    "store_ids": [state.store_id for state in states],
                    "item_ids": [state.item_id for state in states],
                    "versions": [state.version for state in states],
                    "there": [state.status != "none" for state in states],
                },
            )

    async def apply_catalogue(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Items and stores; `gone` are keys `item:id`. Of several statements the newest by event time stands."""
        items = {event.data.item_id: event for event in _in_time(events) if isinstance(event.data, CatalogItem)}
        stores = {event.data.store_id: event for event in _in_time(events) if isinstance(event.data, CatalogStore)}
        no_items = [key.removeprefix("item:") for key in gone if key.startswith("item:")]
        if not (items or stores or no_items):
            return
        revision = await self._next_revision("catalogue")
        if no_items:
            await self._tx.connection.execute(_NO_ITEMS, {"keys": no_items, "revision": revision})
        await self._write(_ITEMS, [_item(items[item_id], revision) for item_id in sorted(items)])
        await self._write(_STORES, [_store(stores[store_id], revision) for store_id in sorted(stores)])

    async def feed_reached(self, topic: str, partition: int, fresh_at: datetime) -> None:
        """Note up to when a feed is complete; an earlier moment changes nothing."""
        await self._tx.connection.execute(_FEED, {"topic": topic, "partition": partition, "fresh_at": fresh_at})

    async def feed_complete_until(self, topic: str) -> datetime | None:
        """Up to when all of a feed is complete, None where nothing is known."""
        found: datetime | None = (await self._tx.connection.execute(_COMPLETE, {"topic": topic})).scalar_one()
        return found

    async def clock_reached(self, reached_at: datetime) -> None:
        """Move the play's clock, never back."""
        await self._tx.connection.execute(_CLOCK, {"reached_at": reached_at})

    async def new_event_ids(self, event_ids: Sequence[str]) -> set[str]:
        """Those of `event_ids` that had no effect yet, marked as seen."""
        return await mark_seen(self._tx, event_ids, scope=_INBOX_SCOPE)

    async def _next_revision(self, kind: str) -> int:
        return int((await self._tx.connection.execute(_REVISION, {"kind": kind})).scalar_one())

    async def _write(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            await self._tx.connection.execute(statement, rows)

    async def _delete(self, statement: Any, keys: Sequence[str]) -> None:
        if keys:
            await self._tx.connection.execute(statement, {"keys": sorted(keys)})


def _in_time(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.occurred_at, event.event_id))


def _customer(view: ProfileSnapshot) -> dict[str, Any]:
    state = CustomerRankingState.from_json(view.ranking_state) if view.ranking_state else _NOTHING_KNOWN
    return {
        "customer_id": view.customer_id,
        "version": view.version,
        "accepted_at": view.accepted_at,
        "personal_offers": _allows_personal_offers(view),
        "open_complaint": view.open_complaint,
        "ranking_state": state.encode(),
        "item_ids": list(state.items),
        "household_id": view.household_id,
        "sketch": Sketch.of(state).encode(),
    }


def _allows_personal_offers(view: ProfileSnapshot) -> bool:
    """What is stated for the till counts; what is stated for any channel counts where nothing is stated for the till.

    Who objects to profiling, anywhere, gets nothing that is personal.
    """
    if any(consent.purpose == Purpose.PROFILING and not consent.granted for consent in view.consents):
        return False
    stated = {
        consent.channel: consent.granted for consent in view.consents if consent.purpose == Purpose.PERSONAL_OFFERS
    }
    return stated.get(Channel.TILL, stated.get(Channel.ANY, False))


def _model(model: ModelPublished, revision: int) -> dict[str, Any]:
    return {
        "model_name": model.model_name,
        "number": model.number,
        "model_id": model.model_id,
        "body": msgspec.json.encode(model.body),
        "revision": revision,
    }


def _item(event: Event, revision: int) -> dict[str, Any]:
    fields = ("item_id", "name", "category", "item_type", "price_cents", "voucherable", "stock_keeping", "barred")
    return {name: getattr(event.data, name) for name in fields} | _stated(event, revision)


def _store(event: Event, revision: int) -> dict[str, Any]:
    fields = ("store_id", "name", "time_zone", "currency", "country", "region", "partner")
    plain = {name: getattr(event.data, name) for name in fields}
    closed = {name: list(getattr(event.data, name)) for name in ("closed_weekdays", "closed_on")}
    return plain | closed | _stated(event, revision)


def _stated(event: Event, revision: int) -> dict[str, Any]:
    return {"stated_at": event.occurred_at, "event_id": event.event_id, "revision": revision}
