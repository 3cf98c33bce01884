"""HTTP to handlers and back: customers (customers.py) and their rights (privacy.py); no rules, no SQL."""
