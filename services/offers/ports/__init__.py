"""What the handlers need from the outside, by role; `store` fits these on PostgreSQL, tests bring fakes."""
