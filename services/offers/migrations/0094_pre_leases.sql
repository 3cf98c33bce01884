-- Lanes that may lose the network: what they are lent, and what they gave meanwhile.

ALTER TABLE budgets ADD COLUMN leased_cents bigint NOT NULL DEFAULT 0 CHECK (leased_cents >= 0);
ALTER TABLE budgets ADD COLUMN lost_cents bigint NOT NULL DEFAULT 0 CHECK (lost_cents >= 0);  -- beside the cap
ALTER TABLE budgets ADD CONSTRAINT within_cap_with_leases 
    CHECK (reserved_cents + spent_cents + leased_cents <= cap_cents + over_issue_cents);

ALTER TABLE journal DROP CONSTRAINT journal_from_account_check;
ALTER TABLE journal DROP CONSTRAINT journal_to_account_check;
ALTER TABLE journal ADD CONSTRAINT journal_from_account_check
    CHECK (from_account IN ('funder', 'available', 'reserved', 'spent', 'backing', 'leased', 'lost')) NOT VALID;
ALTER TABLE journal ADD CONSTRAINT journal_to_account_check
    CHECK (to_account IN ('funder', 'available', 'reserved', 'spent', 'backing', 'leased', 'lost')) NOT VALID;
ALTER TABLE journal_sums ADD COLUMN leased_cents bigint NOT NULL DEFAULT 0;
ALTER TABLE journal_sums ADD COLUMN lost_cents bigint NOT NULL DEFAULT 0;

-- A hand that moves leased or lost money without a word is found by the comparison of budgets and journals, which alarms.

CREATE TABLE leases (
    lease_id    text        PRIMARY KEY,
    store_id    text        NOT NULL,
    terminal_id text        NOT NULL,
    asked       bytea       NOT NULL,  -- a digest of the question
    asked_by    text        NOT NULL,
    granted_at  timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,  -- after it the lane gives nothing
    kept_until  timestamptz NOT NULL,  -- so long its money waits for the lane's journal
    ended_at    timestamptz,
    entries     bigint      NOT NULL DEFAULT 0,  -- of the lane's journal that came in
    CHECK (granted_at < ends_at AND ends_at <= kept_until)
);
CREATE INDEX leases_open ON leases (kept_until) WHERE ended_at IS NULL;
CREATE INDEX leases_lane ON leases (store_id, terminal_id) WHERE ended_at IS NULL;

-- Money is locked by the budget's row; these say whose lease it is.
CREATE TABLE leased (
    lease_id           text   NOT NULL REFERENCES leases,
    campaign_id        text   NOT NULL REFERENCES budgets,
    currency           text   NOT NULL,
    accept_up_to_cents bigint NOT NULL,
    granted_cents      bigint NOT NULL,
    left_cents         bigint NOT NULL CHECK (left_cents BETWEEN 0 AND granted_cents),
    PRIMARY KEY (lease_id, campaign_id)
);

-- Every entry of a lane's journal with its outcome. What a voucher's reserve paid stands in redemptions; the rest here.
CREATE TABLE offline_redemptions (
    number          bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    redemption_id   text        PRIMARY KEY,
    lease_id        text        NOT NULL REFERENCES leases,
    asked           bytea       NOT NULL,
    voucher_id      text        REFERENCES vouchers,
    campaign_id     text,                       -- null: the code is none of ours
    receipt_id      text        NOT NULL,
    currency        text        NOT NULL,
    redeemed_by     text        REFERENCES redemptions,  -- what the voucher's reserve paid
    status          text        NOT NULL CHECK (status IN ('redeemed', 'conflict', 'taken-back')),
    reason          text        NOT NULL,
    given_at        timestamptz NOT NULL,       -- as the lane states
    reconciled_at   timestamptz NOT NULL,
    given_cents     bigint      NOT NULL CHECK (given_cents > 0),
    leased_cents    bigint      NOT NULL CHECK (leased_cents >= 0),     -- paid by the lease
    late_cents      bigint      NOT NULL CHECK (late_cents BETWEEN 0 AND leased_cents),  -- of which in place of a reserve that had been returned
    uncovered_cents bigint      NOT NULL CHECK (uncovered_cents >= 0),  -- paid by nobody
    spent_cents     bigint      NOT NULL CHECK (spent_cents BETWEEN 0 AND leased_cents - late_cents),  -- of the rest: what goods did not bring back
    lost_cents      bigint      NOT NULL CHECK (lost_cents BETWEEN 0 AND uncovered_cents),
    taken_back_at   timestamptz
);
CREATE INDEX offline_redemptions_receipt ON offline_redemptions (receipt_id) WHERE spent_cents + lost_cents > 0;
CREATE INDEX offline_redemptions_listed ON offline_redemptions (number) WHERE reason NOT IN ('redeemed', 'redeemed-late', 'taken-back');

CREATE TABLE offline_lines (
    redemption_id     text    NOT NULL REFERENCES offline_redemptions,
    line_no           integer NOT NULL,
    item_id           text    NOT NULL,
    quantity          numeric NOT NULL CHECK (quantity > 0),
    discount_cents    bigint  NOT NULL CHECK (discount_cents >= 0),
    returned_quantity numeric NOT NULL DEFAULT 0,
    returned_cents    bigint  NOT NULL DEFAULT 0 CHECK (returned_cents BETWEEN 0 AND discount_cents),
    PRIMARY KEY (redemption_id, line_no)
);
