"""Speed as ratios within one run: `make bench` runs every benchmark here on servers of its own."""
