"""Which time counts for money, and its books."""
