"""Orders and their answers in EDIFACT (D.96A as EANCOM uses it) and X12 (004010): pure writers and strict readers."""
