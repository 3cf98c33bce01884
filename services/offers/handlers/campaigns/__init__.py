"""What head office states, put and looked up, and kept in memory for every decision."""
