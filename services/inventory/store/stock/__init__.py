"""Stock and what moved it, on PostgreSQL."""
