"""Brakes and what trips them, in PostgreSQL."""
