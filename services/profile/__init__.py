"""profile: what the chain knows of a customer.

Owns: facets (one per identifier), the identity graph, consents in force, customer views, segments and who is in them, the
population models, the record of who looked at whom, who was forgotten.
Serves: `GET /v1/customers/{id}`, `GET /v1/customers?identifier=`, `GET /v1/customers/search`, `GET /v1/customers/{id}/next-basket`,
`GET /v1/customers/{id}/health`, `GET /v1/customers/{id}/export`, `POST /v1/customers/{id}/erasure`, `POST /v1/erasures`,
`GET /v1/erasures/{id}`, `GET /v1/views`, `GET /v1/views/chain`, `GET|PUT /v1/segments[/{id}]`, `POST /v1/segments/preview`.
Consumes: `ingest.pos.v1`, `ingest.web.v1`, `ingest.feedback.v1`, `ingest.consent.v1`, `ingest.catalog.v1`,
`offers.vouchers.v1`, `profile.erased.v1` (worker, group `profile`, after all of `profile.erasures.v1`); `ingest.pos.v1`,
`ingest.web.v1`, `ingest.play.v1` (learner, group `profile-learner`).
Publishes: `profile.snapshots.v1`, `profile.progress.v1`, `profile.identity.v1`, `profile.segments.v1`, `profile.erasures.v1`
(worker), `profile.models.v1` (learner).
Jobs: `checkpoint` writes a file of everything as of one moment, `rebuild` makes it anew in a schema beside and compares.
"""
