"""Searches, what stores carry, and trials, on PostgreSQL."""
