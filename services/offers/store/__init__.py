"""The ports on PostgreSQL: SQLAlchemy Core within transactions; asyncpg itself for the two statements that checkouts share."""
