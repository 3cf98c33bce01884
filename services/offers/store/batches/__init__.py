"""Batches and imports in PostgreSQL."""
