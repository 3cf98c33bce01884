"""The whole system on one machine: embedded PostgreSQL, a broker, and the supervisor of the services as real processes."""
