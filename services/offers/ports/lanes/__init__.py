"""What lanes that lose the network need."""
