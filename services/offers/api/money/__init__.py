"""The doors to budgets and books."""
