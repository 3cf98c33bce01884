"""Codes: ours, those of another system, numbers for scanners, and what a till signs or reads of them."""
