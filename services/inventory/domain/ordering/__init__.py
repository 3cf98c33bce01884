"""What short shelves may be ordered: needs, amounts, whole packs, within all limits."""
