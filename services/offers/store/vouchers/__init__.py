"""Vouchers in PostgreSQL: read from rows, and ended."""
