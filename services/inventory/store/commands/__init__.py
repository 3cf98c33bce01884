"""Commands, their log and what waits for a person, on PostgreSQL."""
