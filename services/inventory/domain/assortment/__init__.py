"""What a chain should carry where: unmet demand, what to introduce, where to place it, and when to take it out again. Pure."""
