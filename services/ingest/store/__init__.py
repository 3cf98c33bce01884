"""What this service keeps on PostgreSQL: the quarantine and the persons' keys."""

from services.ingest.store.person_keys import PostgresPersonKeys
from services.ingest.store.quarantine import PostgresQuarantine

__all__ = ["PostgresPersonKeys", "PostgresQuarantine"]
