"""The durable profile worker and the learner over a year of real baskets, beside a peer; run by `make bench-profile`."""
