"""Brakes: what is stopped, and what pulls one by itself."""
