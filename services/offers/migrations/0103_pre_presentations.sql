-- Codes that were presented, as far as fraud shows in them: by which voucher, lane and cashier, what came of it, and why.
-- Of a customer nothing but the voucher; rows are deleted after some weeks.
CREATE TABLE presentations (
    redemption_id text        PRIMARY KEY,
    at            timestamptz NOT NULL,  -- by the money's clock
    voucher_id    text,
    batch_id      text,
    receipt_id    text        NOT NULL,
    store_id      text        NOT NULL,
    lane          text        NOT NULL,
    cashier_id    text,
    supervisor_id text,
    redeemed      boolean     NOT NULL,
    reason        text        NOT NULL,
    action        text        NOT NULL CHECK (action IN ('allow', 'step-up', 'block', 'confirmed', 'noted', 'unwatched')),
    points        integer     NOT NULL,
    signals       text[]      NOT NULL
);
CREATE INDEX presentations_voucher ON presentations (voucher_id, at) WHERE voucher_id IS NOT NULL;
CREATE INDEX presentations_lane ON presentations (store_id, lane, at);
CREATE INDEX presentations_cashier ON presentations (cashier_id, at) WHERE cashier_id IS NOT NULL;
CREATE INDEX presentations_batch ON presentations (batch_id, at) WHERE batch_id IS NOT NULL;
CREATE INDEX presentations_suspect ON presentations (at) WHERE points > 0;
CREATE INDEX presentations_at ON presentations (at);
