"""Which of the vouchers on a receipt are redeemed, and what each takes off."""
