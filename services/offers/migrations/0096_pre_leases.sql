-- Vouchers that are leased to a process ahead of time, for when there is no database: reserved as if they were issued, and bound to
-- their checkout later, by the process's journal. `leased_by` stands until that has happened, whatever became of the voucher meanwhile.
ALTER TABLE vouchers ADD COLUMN leased_by text, ADD COLUMN leased_until timestamptz;
ALTER TABLE vouchers DROP CONSTRAINT vouchers_state_check;
ALTER TABLE vouchers ADD CONSTRAINT vouchers_state_check
    CHECK (state IN ('issued', 'redeemed', 'expired', 'revoked', 'leased', 'void')) NOT VALID;
CREATE INDEX vouchers_leased ON vouchers (expires_at) WHERE state = 'leased';
CREATE INDEX vouchers_leased_by ON vouchers (leased_by) WHERE leased_by IS NOT NULL;
