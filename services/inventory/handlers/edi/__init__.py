"""Orders for trading partners, and what they send."""
