"""HTTP to handlers and back: one file for each thing that is asked for; no rules, no SQL."""
