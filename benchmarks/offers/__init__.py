"""Speed of durable voucher decisions against their peers, in one run: `make bench-offers`.

The door is the real one: `services.offers api` with keys, metrics, deadlines, ledger, events and receipts, on an embedded PostgreSQL
with fsync on. It serves a chain made of the Complete Journey data set: a thousand households with a year of trips each, a model that
learned from them, their catalogue, and fifty campaigns. Its peers get the same body:

- FastAPI's default route, pydantic in and out, that does nothing but acknowledge;
- FastAPI's default route that makes a voucher of its choice durable by SQLAlchemy Core in a transaction of its own: the checkout (so
  that a repeat is known), the budget, the voucher, the event.

The door and that peer are asked twice: with vouchers spread over fifty budgets, and with one hot budget that pays for all of them. So
that the work of deciding is the same, the door with the hot budget weighs fifty campaigns too, of which only one is worth choosing.

Each server runs on the first core, the load generator on the second, PostgreSQL wherever there is room. The contenders take turns,
round after round; a figure is the median of its rounds. On a busy machine trust the CPU time per request most, then the ratios, and
absolute rates not at all. After the last round the books of both doors must agree to the cent.
"""
