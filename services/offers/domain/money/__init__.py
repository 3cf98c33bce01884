"""Money: what moves it, what a campaign may spend, and what anyone may cost."""
