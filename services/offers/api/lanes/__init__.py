"""The doors for lanes that lose the network."""
