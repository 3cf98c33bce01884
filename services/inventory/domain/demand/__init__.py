"""Demand from daily counts, and the promotions that are known ahead of it."""
