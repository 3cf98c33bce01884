"""The doors: HTTP to handlers and back; no rules, no SQL."""
