"""What is held of a customer: shown, and forgotten."""
