"""inventory: how much is where, how much will be wanted, and the commands that bring the one to the other.

Owns: stock per store and item, movements, plans (forecasts), commands and the answers to them, availability, webhook subscriptions, EDI; schema `inventory`.
Serves: `GET /v1/stock`, `GET /v1/forecasts`, `GET /v1/commands[/{id}[/history]]`, `GET /v1/commands/stream` (server-sent events),
`/v1/assortment` (unmet demand, introductions, trials), `GET /v1/exceptions`, `POST /v1/commands/{id}/decisions`, `POST /v1/acknowledgements` (or `/batch`), `/v1/webhooks` (who is told of commands), `/v1/edi` (trading partners).
Consumes: `ingest.pos.v1` (repartitioned by item through its own `inventory.demand.v1`), `ingest.stock.v1`, `ingest.catalog.v1`, `ingest.web.v1` (searches alone),
`offers.vouchers.v1`, `inventory.acknowledgements.v1`, `profile.erasures.v1`, and in play mode `ingest.play.v1`.
Publishes: `inventory.commands.v1` (append outbox), `inventory.availability.v1` (newest state), `inventory.demand.v1` (internal),
`profile.erased.v1`; posts commands to webhooks.

Facts change integers, in any order of arrival. A review (a tick in play mode, a timer else) looks at the items that facts touched,
each in all its stores at once, and decides: what to order, what to move, what to tell offers.
"""
