"""Campaigns, the chain's rules, and what fills memory with both, in PostgreSQL."""
