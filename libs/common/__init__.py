"""Shared by all services; holds no business rules."""
