"""The doors at which codes are presented with a basket."""
