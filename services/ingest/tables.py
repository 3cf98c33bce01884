"""The tables of the schema `ingest`, as the store sees them; the migrations make them."""

from sqlalchemy import ARRAY, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid

METADATA = MetaData()

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("quarantine_id", Uuid(as_uuid=False), primary_key=True),
    Column("source", Text),
    Column("event_id", Text),
    Column("type", Text),
    Column("slug", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("pointer", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("sent_by", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("rule", Text, nullable=False),
    Column("schema_id", Text),
    Column("door", Text, nullable=False),
    Column("store_id", Text, nullable=False),
    Column("rights", ARRAY(Text, as_tuple=True), nullable=False),
    Column("country", Text),
    Column("last_at", DateTime(timezone=True)),
    Column("times", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("mended", LargeBinary),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("sealed_under", Text),
    Column("mended_sealed_under", Text),
    Column("sent_at", DateTime(timezone=True)),
)

PERSON_KEYS = Table(
    "person_keys",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("wrapped_under", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)
