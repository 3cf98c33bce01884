"""A chain of any size straight into the service's tables: shelves with stock, counted, and what they sold on the last days. SYNTHETIC."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Timeouts, make_engine, run_migrations
from services.inventory.domain.stock.shelves import day_of

_SERVICE = "inventory"
_SOLD_SHARE = 0.3
"""Of the shelves sell something on a day, as those of a supermarket's 10 000 items do."""

_ITEMS = text("""
    INSERT INTO items (item_id, name, category, unit, pack_milli, price_cents, cost_cents, currency, stock_keeping, occurred_at, event_id)
    SELECT 'i' || lpad(number::text, 6, '0'), 'item', 'c' || number % 300, 'each', 1000 * (1 + number % 6), 199 + number % 900, NULL,
           'EUR', true, :began, 'fill'
    FROM generate_series(0, :items - 1) AS number
""")
_STORES = text("""
    INSERT INTO stores (store_id, name, time_zone, currency, occurred_at, event_id)
    SELECT 's' || lpad(number::text, 4, '0'), 'store', 'Europe/Berlin', 'EUR', :began, 'fill'
    FROM generate_series(0, :stores - 1) AS number
""")
_LANES = text("""
    INSERT INTO lanes (lane_id, supplier_id, store_id, lead_time_hours, order_weekdays, occurred_at, event_id)
    VALUES ('lane', 'supplier', '*', 49, '{0,1,2,3,4,5,6}', :began, 'fill')
""")
_STOCK = text("""
    INSERT INTO stock (item_id, store_id, on_hand_milli, sold_milli, counted_milli, counted_at, counted_by, first_day)
    SELECT item_id, store_id, 1000 * (3 + abs(hashtext(item_id || store_id)) % 20), 0, 0, :began, 'fill', :first_day
    FROM items CROSS JOIN stores ORDER BY item_id, store_id
""")
_MOVEMENTS = text("""
    INSERT INTO movements (item_id, store_id, at, day, sold_milli, moved_milli)
    SELECT item_id, store_id, CAST(:midnight AS timestamptz) + interval '1 second' * (28800 + abs(hashtext(store_id || item_id || CAST(:name AS text))) % 50400),
           CAST(:day AS integer), 1000 * (1 + abs(hashtext(CAST(:name AS text) || item_id || store_id)) % 2), 0
    FROM stock WHERE abs(hashtext(item_id || CAST(:name AS text) || store_id)) % 1000 < :sold
    ORDER BY item_id, store_id
""")
_TOTALS = text("""
    UPDATE stock SET sold_milli = sums.sold_milli
    FROM (SELECT item_id, store_id, sum(sold_milli)::bigint AS sold_milli FROM movements GROUP BY 1, 2) AS sums
    WHERE (stock.item_id, stock.store_id) = (sums.item_id, sums.store_id)
""")


@dataclass(frozen=True, slots=True)
class Chain:
    """Its size, and until when it has sold."""

    stores: int
    items: int
    until: datetime
    days: int

    @property
    def shelves(self) -> int:
        """Every store has every item."""
        return self.stores * self.items


async def fill(url: str, chain: Chain) -> int:
    """Make the tables and the chain; returns how many lines it sold on its last day."""
    engine = make_engine(url, schema=_SERVICE, application_name="bench", timeouts=Timeouts.migrate())
    today = day_of(chain.until)
    try:
        await run_migrations(engine, f"services.{_SERVICE}.migrations", _SERVICE)
        async with engine.begin() as connection:
            began = {"began": chain.until.replace(year=chain.until.year - 1)}
            await connection.execute(_ITEMS, {**began, "items": chain.items})
            await connection.execute(_STORES, {**began, "stores": chain.stores})
            await connection.execute(_LANES, began)
            await connection.execute(_STOCK, {**began, "first_day": today - chain.days})
            sold = 0
            for back in range(chain.days, 0, -1):
                day = today - back
                midnight = datetime.fromtimestamp(day * 86_400, tz=chain.until.tzinfo)
                values = {"day": day, "name": str(day), "midnight": midnight, "sold": int(_SOLD_SHARE * 1000)}
                sold = (await connection.execute(_MOVEMENTS, values)).rowcount
            await connection.execute(_TOTALS)
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        await engine.dispose()
    return sold
