-- What a till said became of a receipt's coupons: issuing a voucher and having it on paper are two things.
CREATE TABLE printings (
    checkout_id text        PRIMARY KEY REFERENCES decisions,
    outcome     text        NOT NULL CHECK (outcome IN ('printed', 'declined', 'failed')),
    told_at     timestamptz NOT NULL
);
