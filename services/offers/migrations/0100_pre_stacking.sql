-- Which vouchers go together: what the chain says, version by version, in force with its commit.
CREATE TABLE stacking_rules (
    version integer     PRIMARY KEY CHECK (version > 0),
    body    jsonb       NOT NULL,
    author  text        NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- Every attempt to redeem several codes at once, with its answer. Each voucher of it has a redemption of its own.
CREATE TABLE redemption_sets (
    set_id      text        PRIMARY KEY,
    receipt_id  text        NOT NULL,
    store_id    text        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('redeemed', 'refused')),
    asked       bytea       NOT NULL,
    answer      bytea       NOT NULL,
    answered_at timestamptz NOT NULL
);
