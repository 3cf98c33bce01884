"""profile: what the chain knows of a customer.

Owns: facets (one per identifier), the identity graph, consents in force, customer views, segments and who is in them, the
population models, the record of who looked at whom.
Serves: `GET /v1/customers/{id}`, `GET /v1/customers?identifier=`, `GET /v1/customers/search`, `GET /v1/customers/{id}/next-basket`,
`GET /v1/customers/{id}/health`, `GET /v1/views`, `GET|PUT /v1/segments[/{id}]`, `POST /v1/segments/preview`.
Consumes: `ingest.pos.v1`, `ingest.web.v1`, `ingest.feedback.v1`, `ingest.consent.v1`, `ingest.catalog.v1`,
`offers.vouchers.v1` (worker, group `profile`); `ingest.play.v1` (learner, group `profile-learner`).
Publishes: `profile.snapshots.v1`, `profile.identity.v1`, `profile.segments.v1` (worker), `profile.models.v1` (learner).
"""
