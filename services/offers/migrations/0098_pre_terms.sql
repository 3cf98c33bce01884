-- What a voucher promises, where it is neither an amount nor a percentage; those two stay in their columns.
ALTER TABLE vouchers ADD COLUMN terms jsonb;
