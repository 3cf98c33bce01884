"""A voucher: its life, and what it takes off goods."""
