"""Commands: kept, answered, approved, told live."""
