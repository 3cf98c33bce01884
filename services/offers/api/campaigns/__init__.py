"""The doors to what head office states."""
