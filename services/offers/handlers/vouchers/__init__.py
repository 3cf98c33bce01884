"""What others are told of a voucher, and its end."""
