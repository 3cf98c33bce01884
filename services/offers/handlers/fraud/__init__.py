"""Who guesses is locked out, and redemptions are watched."""
