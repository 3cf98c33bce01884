"""What services share: contracts, streaming, persistence, ranking, and the laptop that runs them all."""
