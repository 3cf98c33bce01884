"""`make bench-inventory`: a night of a whole chain (close and review) by size, and how soon a sale becomes a command."""
