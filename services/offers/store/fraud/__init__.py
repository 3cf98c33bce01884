"""Misses and presentations of codes in PostgreSQL."""
