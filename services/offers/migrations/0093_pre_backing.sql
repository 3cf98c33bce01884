-- More may be promised than the budget holds, because many vouchers are never used: as much as an explicit reserve covers if all are.
ALTER TABLE budgets ADD COLUMN backing_cents bigint NOT NULL DEFAULT 0 CHECK (backing_cents >= 0);
ALTER TABLE budgets ADD COLUMN over_issue_cents bigint NOT NULL DEFAULT 0 CHECK (over_issue_cents >= 0);
ALTER TABLE budgets ADD CONSTRAINT over_issue_backed CHECK (over_issue_cents <= backing_cents);
ALTER TABLE budgets DROP CONSTRAINT within_cap;
ALTER TABLE budgets ADD CONSTRAINT within_cap CHECK (reserved_cents + spent_cents <= cap_cents + over_issue_cents);

ALTER TABLE journal DROP CONSTRAINT journal_from_account_check, DROP CONSTRAINT journal_to_account_check;
ALTER TABLE journal ADD CONSTRAINT journal_from_account_check
    CHECK (from_account IN ('funder', 'available', 'reserved', 'spent', 'backing')) NOT VALID;
ALTER TABLE journal ADD CONSTRAINT journal_to_account_check
    CHECK (to_account IN ('funder', 'available', 'reserved', 'spent', 'backing')) NOT VALID;
ALTER TABLE journal_sums ADD COLUMN backing_cents bigint NOT NULL DEFAULT 0;
