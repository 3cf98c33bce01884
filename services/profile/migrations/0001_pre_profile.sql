-- Newest master data, as much of it as a facet is told. The newest by event time is in force, ties by event id.
CREATE TABLE items (
    item_id     text        PRIMARY KEY,
    category    text        NOT NULL,
    item_type   text        NOT NULL,
    rankable    boolean     NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL
);
CREATE TABLE stores (
    store_id    text        PRIMARY KEY,
    time_zone   text        NOT NULL,
    currency    text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL
);

-- One identifier each. `own_customer_id` is the customer it stands for alone, `customer_id` the one of its component.
-- The plain columns are for verifiers: what was counted, event by event, whatever the state's bounds drop.
CREATE TABLE facets (
    identifier      text        PRIMARY KEY,
    own_customer_id text        NOT NULL UNIQUE,
    customer_id     text        NOT NULL,
    state           bytea       NOT NULL,
    receipts_count  bigint      NOT NULL DEFAULT 0,
    lines_count     bigint      NOT NULL DEFAULT 0,
    amount_cents    bigint      NOT NULL DEFAULT 0,
    returns_count   bigint      NOT NULL DEFAULT 0,
    refund_cents    bigint      NOT NULL DEFAULT 0,
    contacts_count  bigint      NOT NULL DEFAULT 0,
    currency        text,                    -- of its amounts; of several the first by name
    accepted_at     timestamptz
) WITH (fillfactor = 80);
CREATE INDEX facets_customer_id ON facets (customer_id);
ALTER TABLE facets ALTER COLUMN state SET STORAGE EXTERNAL;  -- MessagePack hardly shrinks; compressing it costs more

CREATE TABLE consents (
    identifier  text        NOT NULL,
    purpose     text        NOT NULL,
    channel     text        NOT NULL,
    granted     boolean     NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL,
    accepted_at timestamptz,
    PRIMARY KEY (identifier, purpose, channel)
);

-- The identity graph over own customer ids: one row a pair, the newest statement about it.
-- `linked` false is kept: it outdates older links that come late.
CREATE TABLE links (
    first_customer_id  text        NOT NULL,
    second_customer_id text        NOT NULL,
    linked             boolean     NOT NULL,
    occurred_at        timestamptz NOT NULL,
    event_id           text        NOT NULL,
    PRIMARY KEY (first_customer_id, second_customer_id),
    CHECK (first_customer_id < second_customer_id)
);
CREATE INDEX links_second ON links (second_customer_id);

-- Customer ids that stand for another one now, or for themselves again: profile.identity.v1.
CREATE TABLE identity_changes (
    customer_id       text        PRIMARY KEY,
    now_customer_id   text        NOT NULL,
    version           bigint      NOT NULL,
    published_version bigint      NOT NULL DEFAULT 0,
    occurred_at       timestamptz NOT NULL,
    accepted_at       timestamptz
);
CREATE INDEX identity_changes_unpublished ON identity_changes (customer_id) WHERE version > published_version;

-- Customers whose facets changed since they were folded; one row a change, so that writers never wait for folders.
CREATE TABLE dirty_customers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text   NOT NULL,
    marked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- The newest view of each customer: profile.snapshots.v1. Without a body the customer is part of another one: a tombstone.
CREATE TABLE customers (
    customer_id       text        PRIMARY KEY,
    version           bigint      NOT NULL,
    published_version bigint      NOT NULL DEFAULT 0,
    accepted_at       timestamptz,
    headers           bytea       NOT NULL,  -- MessagePack [[name, bytes], ...]
    body              bytea                  -- JSON of ProfileSnapshot
) WITH (fillfactor = 80);
CREATE INDEX customers_unpublished ON customers (customer_id) WHERE version > published_version;
ALTER TABLE customers ALTER COLUMN body SET STORAGE EXTERNAL;

-- What was sold on which receipt, so that a return or a void finds its facet. Not `sold` yet: somebody waits for it.
CREATE TABLE receipts (
    receipt_id  text        PRIMARY KEY,
    sold        boolean     NOT NULL,
    voided      boolean     NOT NULL DEFAULT false,
    identifier  text,
    occurred_at timestamptz,
    event_id    text,
    purchase    bytea                        -- MessagePack of the purchase
);

-- Returns and voids whose sale is not known yet.
CREATE TABLE parked (
    event_id   text        PRIMARY KEY,
    receipt_id text        NOT NULL,
    body       bytea       NOT NULL,         -- MessagePack of what was taken back
    parked_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX parked_receipt ON parked (receipt_id);

-- Baskets that the population models have not learned from yet, in the order in which they will.
CREATE TABLE learning_queue (
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL,
    identifier  text,                        -- none: an anonymous basket
    purchase    bytea       NOT NULL,
    PRIMARY KEY (occurred_at, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- The learner's whole memory, and the newest model of each name: profile.models.v1.
CREATE TABLE learner_states (
    learner       text        PRIMARY KEY,
    number        bigint      NOT NULL,   -- of the newest models
    trained_until timestamptz NOT NULL,
    baskets_count bigint      NOT NULL,
    state         bytea       NOT NULL
);
ALTER TABLE learner_states ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE TABLE models (
    model_name       text        PRIMARY KEY,
    number           bigint      NOT NULL,
    published_number bigint      NOT NULL DEFAULT 0,
    model_id         text        NOT NULL,
    trained_until    timestamptz NOT NULL,
    headers          bytea       NOT NULL,   -- MessagePack [[name, bytes], ...]
    body             bytea       NOT NULL    -- JSON of ModelPublished
);
CREATE INDEX models_unpublished ON models (model_name) WHERE number > published_number;
ALTER TABLE models ALTER COLUMN body SET STORAGE EXTERNAL;
