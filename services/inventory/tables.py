"""The newest-state table that a relay publishes, as metadata; the other tables are named in the store's SQL."""

from sqlalchemy import BigInteger, Column, Date, DateTime, MetaData, Table, Text

METADATA = MetaData()  # no schema here: every connection's search path begins with ours

AVAILABILITY = Table(
    "availability",
    METADATA,
    Column("item_id", Text, primary_key=True),
    Column("store_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("on_hand_milli", BigInteger, nullable=False),
    Column("available_milli", BigInteger, nullable=False),
    Column("surplus_milli", BigInteger, nullable=False),
    Column("surplus_until", Date),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("published_version", BigInteger, nullable=False),
)
