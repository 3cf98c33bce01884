"""Plans, and what stands around them, on PostgreSQL."""
