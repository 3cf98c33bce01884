"""What stating campaigns and rules, and reading them from memory, need."""
