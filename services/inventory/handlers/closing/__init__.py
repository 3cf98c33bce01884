"""Closes days, and what links items."""
