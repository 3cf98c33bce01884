"""Lanes that lose the network: what they are lent, and what their journals say."""
