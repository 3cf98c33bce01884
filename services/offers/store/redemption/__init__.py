"""Redemptions, holds and sets in PostgreSQL."""
