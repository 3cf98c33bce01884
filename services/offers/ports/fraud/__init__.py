"""What the guessing defence and the watch over redemptions need."""
