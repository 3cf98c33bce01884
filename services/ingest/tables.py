"""The tables of the schema `ingest`, as the store sees them; the migrations make them."""

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text, Uuid

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
)
