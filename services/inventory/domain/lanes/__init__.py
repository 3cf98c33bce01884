"""Lanes: who may be asked, and how the orders of one round are decided together."""
