"""HTTP to handlers and back: events, quarantine, schemas; no rules, no SQL."""
