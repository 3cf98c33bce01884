"""Each folder is one deployable; none imports another."""
