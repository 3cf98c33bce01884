"""Leased vouchers: their rows in PostgreSQL and their journal on this process's disk."""
