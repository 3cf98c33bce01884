-- Batches: many vouchers of one campaign at once, made by the worker chunk by chunk; a chunk and its progress are one transaction.
CREATE TABLE batches (
    batch_id             text        PRIMARY KEY,
    source               text        NOT NULL CHECK (source IN ('made', 'imported')),
    state                text        NOT NULL CHECK (state IN ('receiving', 'running', 'stopped', 'done', 'cancelled')),
    reason               text        NOT NULL DEFAULT '',
    wanted               bigint      NOT NULL DEFAULT 0,
    reached              bigint      NOT NULL DEFAULT 0,  -- serial numbers that were tried
    made                 bigint      NOT NULL DEFAULT 0,
    quarantined          bigint      NOT NULL DEFAULT 0,
    campaign_id          text        NOT NULL,
    store_id             text        NOT NULL,
    category             text        NOT NULL,
    kind                 text        NOT NULL,
    percent              smallint,
    amount_cents         bigint,
    terms                jsonb,
    greatest_value_cents bigint      NOT NULL CHECK (greatest_value_cents > 0),
    currency             text        NOT NULL,
    number_kind          text,
    number_prefix        text,
    valid_from           timestamptz NOT NULL,
    expires_at           timestamptz NOT NULL,
    asked                bytea       NOT NULL,  -- a digest of the request
    asked_by             text        NOT NULL,
    asked_at             timestamptz NOT NULL,
    finished_at          timestamptz
) WITH (fillfactor = 50);
CREATE INDEX batches_running ON batches (asked_at, batch_id) WHERE state = 'running';

-- Codes of another system as they came in: look-ups alone, gone once their vouchers are made.
CREATE TABLE batch_lines (
    batch_id  text     NOT NULL REFERENCES batches,
    part      integer  NOT NULL,
    upload_id text     NOT NULL,  -- one body; another of the same part takes its place
    chunk     integer  NOT NULL,
    line_nos  bigint[] NOT NULL,
    lookups   bytea[]  NOT NULL,
    PRIMARY KEY (batch_id, part, upload_id, chunk)
);

CREATE TABLE batch_parts (
    batch_id    text    NOT NULL REFERENCES batches,
    part        integer NOT NULL,
    upload_id   text    NOT NULL,
    body_digest bytea   NOT NULL,
    lines       bigint  NOT NULL,  -- that are codes
    quarantined bigint  NOT NULL,
    PRIMARY KEY (batch_id, part)
);

-- Lines that are no codes, or are known already: the first of each batch, by number; never what stood on them.
CREATE TABLE batch_errors (
    batch_id text    NOT NULL REFERENCES batches,
    part     integer NOT NULL,
    line_no  bigint  NOT NULL,
    reason   text    NOT NULL,
    PRIMARY KEY (batch_id, part, line_no)
);
