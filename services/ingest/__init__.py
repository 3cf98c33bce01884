"""ingest: the front door; every contact with a customer and every fact about stock enters here or is refused with a reason.

Owns: the quarantine (invalid events, byte for byte and sealed, with the reason) and the persons' keys, in the schema `ingest`.
Serves: `POST /v1/events` (one CloudEvent or a batch), `POST /v1/poslog` (a till's log in XML),
`POST /v1/{track,identify,page,alias,batch}` (as Segment's SDKs send them), `GET /v1/tracker.js`, `GET /v1/schemas[/{type}]`,
`/v1/quarantine` (list, classes, one; patch, resubmit, discard), `GET /v1/clocks`.
Consumes: nothing.
Publishes: `ingest.pos.v1`, `ingest.web.v1`, `ingest.feedback.v1`, `ingest.consent.v1`, `ingest.stock.v1`,
`ingest.catalog.v1`, `ingest.play.v1`.

202 for an event means that every in-sync replica of the broker has it. The path of a valid event needs no database. The
same event again is known at the door for a while and not sent; after a restart, or by another process, it is a second
record with one id: consumers deduplicate.
"""
