-- Codes: misses by whoever makes them, in one place for all processes.

-- One row per lane, store or caller that missed lately; rows that say nothing any more are deleted.
CREATE TABLE code_misses (
    subject      text        PRIMARY KEY,
    misses       integer     NOT NULL CHECK (misses >= 0),
    since        timestamptz NOT NULL,
    locked_until timestamptz
) WITH (fillfactor = 50);
CREATE INDEX code_misses_since ON code_misses (since);

-- Vouchers that are good for nothing any more, as rules: in force with their commit, whatever is issued or taken back later.
-- Rows stay: they say who did it, and why.
CREATE TABLE revocations (
    revocation_id text        PRIMARY KEY,
    campaign_id   text,
    store_id      text,
    batch_id      text,
    issued_from   timestamptz NOT NULL,
    issued_until  timestamptz NOT NULL,
    reason        text        NOT NULL,
    asked_by      text        NOT NULL,
    asked_at      timestamptz NOT NULL,
    vouchers      bigint      NOT NULL DEFAULT 0,  -- ended so far
    reached_at    timestamptz NOT NULL,            -- vouchers issued before have been looked at,
    reached_id    text        NOT NULL DEFAULT '', -- and of those issued at this moment the ones up to this id
    swept_at      timestamptz
);

ALTER TABLE vouchers ADD COLUMN batch_id text;
ALTER TABLE vouchers DROP CONSTRAINT vouchers_state_check;
ALTER TABLE vouchers ADD CONSTRAINT vouchers_state_check
    CHECK (state IN ('issued', 'redeemed', 'expired', 'revoked')) NOT VALID;
-- In the order of issue, so that one more entry is written at the end; a revocation walks it.
CREATE INDEX vouchers_open_by_issue ON vouchers (valid_from, voucher_id) WHERE state = 'issued';

-- A keyed hash of the number that some campaigns print for scanners of digits. Not unique: a number is short.
ALTER TABLE vouchers ADD COLUMN number_lookup bytea;
CREATE INDEX vouchers_number ON vouchers (number_lookup) WHERE number_lookup IS NOT NULL;

-- Keys of signed vouchers. The private half is derived from the voucher key and the nonce; it stands nowhere.
CREATE TABLE voucher_signing_keys (
    key_id       smallint    PRIMARY KEY CHECK (key_id BETWEEN 1 AND 255),
    nonce        bytea       NOT NULL CHECK (length(nonce) = 16),
    signs_from   timestamptz NOT NULL,
    withdrawn_at timestamptz,
    made_by      text        NOT NULL
);
INSERT INTO voucher_signing_keys (key_id, nonce, signs_from, made_by)
VALUES (1, uuid_send(gen_random_uuid()), '1970-01-01 00:00+00', 'migration');
