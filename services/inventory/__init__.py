"""inventory: how much is where, how much will be wanted, and the commands that bring the one to the other.

Owns: stock per store and item, movements, plans (forecasts), commands and the answers to them, availability; schema `inventory`.
Serves: `GET /v1/stock`, `GET /v1/forecasts`, `GET /v1/commands[/{id}]`, `POST /v1/acknowledgements`.
Consumes: `ingest.pos.v1` (repartitioned by item through its own `inventory.demand.v1`), `ingest.stock.v1`, `ingest.catalog.v1`,
`offers.vouchers.v1`, `inventory.acknowledgements.v1`, `profile.erasures.v1`, and in play mode `ingest.play.v1`.
Publishes: `inventory.commands.v1` (append outbox), `inventory.availability.v1` (newest state), `inventory.demand.v1` (internal),
`profile.erased.v1`.

Facts change integers, in any order of arrival. A review (a tick in play mode, a timer else) looks at the items that facts touched,
each in all its stores at once, and decides: what to order, what to move, what to tell offers.
"""
