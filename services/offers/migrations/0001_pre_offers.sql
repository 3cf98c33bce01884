-- What offers owns: campaigns, budgets, decisions, vouchers, redemptions; and its copies of what others publish.

-- The number of the newest change per kind of knowledge, raised in the change's own transaction under the row's lock:
-- so the order of numbers is the order of commits, and "above what I know" misses nothing.
CREATE TABLE revisions (
    kind     text   PRIMARY KEY,
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO revisions (kind) VALUES ('campaigns'), ('catalogue'), ('models');

-- Event time of a deployment that plays a data set; empty in a live one.
CREATE TABLE play_clock (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    reached_at timestamptz NOT NULL
);

-- The secret behind voucher codes where no file holds it.
CREATE TABLE code_keys (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    secret bytea   NOT NULL CHECK (length(secret) >= 32)
);

CREATE TABLE campaigns (
    campaign_id text        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    body        jsonb       NOT NULL,
    author      text        NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, version)
);

-- The last guard of the money: whatever a statement does, the cap holds.
CREATE TABLE budgets (
    campaign_id    text   PRIMARY KEY,
    currency       text   NOT NULL,
    cap_cents      bigint NOT NULL,
    reserved_cents bigint NOT NULL DEFAULT 0 CHECK (reserved_cents >= 0),
    spent_cents    bigint NOT NULL DEFAULT 0 CHECK (spent_cents >= 0),
    CONSTRAINT within_cap CHECK (reserved_cents + spent_cents <= cap_cents)
) WITH (fillfactor = 50);  -- small and updated for ever: room for HOT updates

-- One row per checkout that was answered from here. `proposal` is what the answer is made from, without any code.
CREATE TABLE decisions (
    checkout_id text        PRIMARY KEY,
    decision_id text        NOT NULL,
    receipt_id  text        NOT NULL,
    store_id    text        NOT NULL,
    customer_id text,
    tier        smallint    NOT NULL,
    reason      text        NOT NULL,
    "group"     text        NOT NULL,
    model_id    text        NOT NULL,
    proposal    bytea       NOT NULL,
    decided_at  timestamptz NOT NULL
);

CREATE TABLE vouchers (
    voucher_id           text        PRIMARY KEY,
    checkout_id          text        NOT NULL,
    slot                 smallint    NOT NULL,
    code_lookup          bytea       NOT NULL UNIQUE,  -- a keyed hash: the code itself is nowhere
    campaign_id          text        NOT NULL,
    customer_id          text,
    receipt_id           text        NOT NULL,
    store_id             text        NOT NULL,
    category             text        NOT NULL,
    item_ids             text[]      NOT NULL,
    kind                 text        NOT NULL,
    percent              smallint,
    amount_cents         bigint,
    greatest_value_cents bigint      NOT NULL CHECK (greatest_value_cents > 0),
    reserved_cents       bigint      NOT NULL CHECK (reserved_cents >= 0),
    given_cents          bigint      NOT NULL DEFAULT 0 CHECK (given_cents >= 0),
    currency             text        NOT NULL,
    propensity_ratio     float8      NOT NULL,
    tier                 smallint    NOT NULL,
    state                text        NOT NULL DEFAULT 'issued' CHECK (state IN ('issued', 'redeemed', 'expired')),
    valid_from           timestamptz NOT NULL,
    expires_at           timestamptz NOT NULL,
    UNIQUE (checkout_id, slot)
);
CREATE INDEX vouchers_open ON vouchers (expires_at) WHERE state = 'issued';
CREATE INDEX vouchers_customer ON vouchers (customer_id, valid_from) WHERE customer_id IS NOT NULL;

-- Every attempt to redeem with its answer. A voucher gives on one receipt once.
CREATE TABLE redemptions (
    redemption_id   text        PRIMARY KEY,
    voucher_id      text        REFERENCES vouchers,
    receipt_id      text        NOT NULL,
    store_id        text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('redeemed', 'refused')),
    reason          text        NOT NULL,
    given_cents     bigint      NOT NULL DEFAULT 0,
    answer          bytea       NOT NULL,
    answered_at     timestamptz NOT NULL,
    rollback_answer bytea,
    rolled_back_at  timestamptz
);
CREATE INDEX redemptions_receipt ON redemptions (receipt_id) WHERE status = 'redeemed';
CREATE UNIQUE INDEX redemptions_once ON redemptions (voucher_id)
    WHERE status = 'redeemed' AND rolled_back_at IS NULL;

CREATE TABLE redemption_lines (
    redemption_id     text    NOT NULL REFERENCES redemptions,
    line_no           integer NOT NULL,
    item_id           text    NOT NULL,
    quantity          numeric NOT NULL CHECK (quantity > 0),
    discount_cents    bigint  NOT NULL CHECK (discount_cents >= 0),
    returned_quantity numeric NOT NULL DEFAULT 0,
    returned_cents    bigint  NOT NULL DEFAULT 0 CHECK (returned_cents BETWEEN 0 AND discount_cents),
    PRIMARY KEY (redemption_id, line_no)
);

-- Copies of what others publish, from here on.

CREATE TABLE customers (
    customer_id     text        PRIMARY KEY,
    version         bigint      NOT NULL,
    accepted_at     timestamptz NOT NULL,
    personal_offers boolean     NOT NULL,  -- consent to personal offers at the till, as the snapshot states it
    open_complaint  boolean     NOT NULL,
    ranking_state   bytea       NOT NULL,
    item_ids        text[]      NOT NULL
);

CREATE TABLE identities (
    customer_id     text   PRIMARY KEY,
    version         bigint NOT NULL,
    now_customer_id text   NOT NULL
);

CREATE TABLE availability (
    store_id  text    NOT NULL,
    item_id   text    NOT NULL,
    version   bigint  NOT NULL,
    there     boolean NOT NULL,
    PRIMARY KEY (store_id, item_id) INCLUDE (there)
);

CREATE TABLE items (
    item_id       text        PRIMARY KEY,
    name          text        NOT NULL,
    category      text        NOT NULL,
    item_type     text        NOT NULL,
    price_cents   bigint,
    voucherable   boolean     NOT NULL,
    stock_keeping boolean     NOT NULL,
    barred        text,
    stated_at     timestamptz NOT NULL,
    event_id      text        NOT NULL,
    gone          boolean     NOT NULL DEFAULT false,
    revision      bigint      NOT NULL
);
CREATE INDEX items_revision ON items (revision);

CREATE TABLE stores (
    store_id  text        PRIMARY KEY,
    name      text        NOT NULL,
    time_zone text        NOT NULL,
    currency  text        NOT NULL,
    country   text        NOT NULL,
    stated_at timestamptz NOT NULL,
    event_id  text        NOT NULL,
    revision  bigint      NOT NULL
);

CREATE TABLE models (
    model_name text        PRIMARY KEY,
    number     bigint      NOT NULL,
    model_id   text        NOT NULL,
    body       bytea       NOT NULL,
    revision   bigint      NOT NULL
);

-- Up to when each feed is known to be complete here, in server time: a personal use of consent needs a fresh one.
CREATE TABLE feeds (
    topic     text        NOT NULL,
    partition integer     NOT NULL,
    fresh_at  timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
