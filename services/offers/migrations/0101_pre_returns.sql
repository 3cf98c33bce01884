-- What a receipt with a redemption was made of, as it stood at redemption, and what has come back of it: so that a refund gives
-- back what was paid. Lines are JSON: they are read and written together.
CREATE TABLE sold_receipts (
    receipt_id       text   PRIMARY KEY,
    lines            jsonb  NOT NULL,
    refunded_cents   bigint NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
    taken_back_cents bigint NOT NULL DEFAULT 0 CHECK (taken_back_cents >= 0)
);

-- What the receipt had to come to, and what becomes of the discount when it no longer does; frozen at redemption. Null: nothing.
ALTER TABLE redemptions ADD COLUMN minimum_basket_cents bigint, ADD COLUMN below_minimum text;

-- Goods that came back, and receipts that were voided (no item), for redemptions that come later than they happened. Kept for a while.
CREATE TABLE goods_returned (
    event_id    text        NOT NULL,
    item_id     text        NOT NULL DEFAULT '',
    receipt_id  text        NOT NULL,
    quantity    numeric     NOT NULL CHECK (quantity >= 0),
    occurred_at timestamptz NOT NULL,
    noted_at    timestamptz NOT NULL,
    PRIMARY KEY (event_id, item_id)
);
CREATE INDEX goods_returned_receipt ON goods_returned (receipt_id);
CREATE INDEX goods_returned_noted ON goods_returned (noted_at);
