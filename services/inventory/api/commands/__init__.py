"""The doors to commands: routes, shapes, the live stream."""
