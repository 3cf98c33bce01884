"""The day's close on PostgreSQL."""
