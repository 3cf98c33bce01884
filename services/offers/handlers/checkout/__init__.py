"""A checkout, answered in time from the highest tier that is there."""
