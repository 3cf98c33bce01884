"""The newest-state tables that relays publish, as metadata of schema `profile`; the other tables are named in the store's SQL."""

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text

METADATA = MetaData()  # no schema here: every connection's search path begins with ours

CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("customer_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("published_version", BigInteger, nullable=False),
    Column("accepted_at", DateTime(timezone=True)),
    Column("headers", LargeBinary, nullable=False),
    Column("body", LargeBinary),
)

IDENTITY_CHANGES = Table(
    "identity_changes",
    METADATA,
    Column("customer_id", Text, primary_key=True),
    Column("now_customer_id", Text),
    Column("version", BigInteger, nullable=False),
    Column("published_version", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("accepted_at", DateTime(timezone=True)),
)

MODELS = Table(
    "models",
    METADATA,
    Column("model_name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("published_number", BigInteger, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("trained_until", DateTime(timezone=True), nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
