"""HTTP to handlers and back: shapes.py holds what is answered, router.py the routes; no rules, no SQL."""
