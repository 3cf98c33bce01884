"""Leases and journals of lanes in PostgreSQL."""
