"""What head office states: campaigns with their promises, bounds and rules, and the goods and stores that these speak of."""
