"""Brakes: pulled and released, by a person or by a rule."""
