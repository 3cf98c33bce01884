"""Transfers between stores: which, and from whom."""
