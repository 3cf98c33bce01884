"""Many vouchers at once: asked for, made chunk by chunk, imported."""
