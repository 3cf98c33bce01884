"""The books and the counters of limits in PostgreSQL."""
