"""The doors to searches, lists and trials."""
