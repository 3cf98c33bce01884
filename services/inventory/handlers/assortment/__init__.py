"""Searches, lists and trials of the assortment."""
