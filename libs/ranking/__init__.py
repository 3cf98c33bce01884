"""Which items a customer will want next: state, features, model and score; pure, shared by profile (which learns) and offers (which asks)."""
