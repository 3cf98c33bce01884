"""The close of a day: its facts, what is learned of them, and the next day's plans."""
