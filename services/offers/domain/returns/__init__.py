"""What goods that come back take with them, and what is given again when their return was voided."""
