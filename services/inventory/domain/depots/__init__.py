"""Depots: how they are supplied, and what they share out."""
