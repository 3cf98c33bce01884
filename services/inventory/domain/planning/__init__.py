"""The plan of a day: triggers and targets of every shelf, and what is known ahead of them."""
