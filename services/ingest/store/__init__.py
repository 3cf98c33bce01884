"""What this service keeps on PostgreSQL: the quarantine, the persons' keys, and their end."""

from services.ingest.store.erasures import PostgresErasures
from services.ingest.store.person_keys import PostgresPersonKeys
from services.ingest.store.quarantine import PostgresQuarantine

__all__ = ["PostgresErasures", "PostgresPersonKeys", "PostgresQuarantine"]
