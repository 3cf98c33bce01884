"""offers: which voucher to print, if any, and what it costs.

Owns: campaigns with their versions and store overrides, decisions with propensities, vouchers, budgets, the offer policy;
its own copies of snapshots, identities, models, availability and catalogue, so that a till waits for nobody else.
Serves: `POST /v1/checkouts`, `POST /v1/redemptions`, `POST /v1/redemptions/{id}/rollback`, `GET|PUT /v1/campaigns[/{id}]`,
`POST|GET /v1/revocations[/{id}]`, `POST|GET /v1/brakes[/{id}]`, `GET /v1/fraud-signals`, `GET|PUT /v1/voucher-keys[/{id}]`, `GET /v1/customers/{id}/history`.
Consumes: `profile.snapshots.v1`, `profile.progress.v1`, `profile.identity.v1`, `profile.models.v1`, `inventory.availability.v1`,
`ingest.catalog.v1`, `ingest.pos.v1` (returns, voids), `ingest.play.v1`, `profile.erasures.v1` (worker, group `offers`).
Publishes: `offers.vouchers.v1`, `offers.decisions.v1`, `offers.brakes.v1`, `offers.fraud.v1`, `profile.erased.v1` (append outbox).
"""
