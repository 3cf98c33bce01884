"""Coupons shown again, and what a till says became of them."""
