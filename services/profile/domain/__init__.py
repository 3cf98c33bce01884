"""Pure rules of this service: no I/O, no clock, no environment."""
