"""What runs in a till of the chain's own: single files without dependencies, to be copied there."""
