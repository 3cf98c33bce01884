"""Load, decide, save and append, each batch in the transaction that it is given; called by consumer, API and worker."""

SOURCE = "urn:the-usual:inventory"
"""The `source` of the events that this service publishes."""
