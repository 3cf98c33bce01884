"""Goods that come back: told before, and taken back."""
