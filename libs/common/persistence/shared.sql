-- The tables that every service's schema has. Applied by migrate.py before the service's own files; search_path is the schema.

-- Where each consumer group stands. Moved only by compare-and-set, in the transaction that holds the effects.
CREATE TABLE offsets (
    consumer_group text        NOT NULL,
    incarnation    text        NOT NULL,  -- the broker's cluster id: another id is another log
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    next_offset    bigint      NOT NULL CHECK (next_offset >= 0),
    owner          text        NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, incarnation, topic, partition)
) WITH (fillfactor = 50);  -- small and updated for ever: room for HOT updates

-- Which events already had their effect. The key is a digest of (scope, source, id).
CREATE TABLE inbox (
    event_key uuid        PRIMARY KEY,
    seen_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_seen_at ON inbox USING brin (seen_at);

-- Events on their way out. Deleted after the broker's acknowledgement.
CREATE TABLE outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket     smallint    NOT NULL,
    topic      text        NOT NULL,
    key        bytea,
    headers    bytea       NOT NULL,  -- MessagePack [[name, bytes], ...]
    value      bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_bucket_id ON outbox (bucket, id);

-- What could never be handled, byte for byte, with the reason.
CREATE TABLE dead_letters (
    consumer_group text        NOT NULL,
    incarnation    text        NOT NULL,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    log_offset     bigint      NOT NULL,
    key            bytea,
    headers        bytea       NOT NULL,  -- MessagePack [[name, bytes], ...]
    value          bytea,
    reason         text        NOT NULL,
    detail         text        NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, incarnation, topic, partition, log_offset)
);
CREATE INDEX dead_letters_at ON dead_letters (topic, partition, at);

-- The broker's log that each newest-state relay last published to: with another one, everything is published again.
CREATE TABLE version_relays (
    relay       text        PRIMARY KEY,
    incarnation text        NOT NULL,
    since       timestamptz NOT NULL DEFAULT now()
);
