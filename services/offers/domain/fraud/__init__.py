"""Who guesses codes, and what speaks for fraud in a redemption."""
