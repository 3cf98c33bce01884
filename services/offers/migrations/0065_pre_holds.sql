-- A till that has not decided yet holds a voucher for its receipt, for seconds. The reserve is that of the voucher: no money moves.
ALTER TABLE vouchers ADD COLUMN hold_id text, ADD COLUMN held_for text, ADD COLUMN held_until timestamptz;
ALTER TABLE vouchers ADD CONSTRAINT held_whole CHECK (num_nulls(hold_id, held_for, held_until) IN (0, 3)) NOT VALID;
CREATE INDEX vouchers_held ON vouchers (held_until) WHERE held_until IS NOT NULL;

-- Every attempt to hold with its answer.
CREATE TABLE holds (
    hold_id    text        PRIMARY KEY,
    voucher_id text        REFERENCES vouchers,
    store_id   text        NOT NULL,
    status     text        NOT NULL CHECK (status IN ('held', 'refused')),
    answer     bytea       NOT NULL,
    held_at    timestamptz NOT NULL
);
