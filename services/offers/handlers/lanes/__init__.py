"""Lanes that lose the network: money lent, journals taken in, goods that come back."""
