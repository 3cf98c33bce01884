"""Which voucher to offer, if any: who may get what, what is wanted, and the chance of each."""
