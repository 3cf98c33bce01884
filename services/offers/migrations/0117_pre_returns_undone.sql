-- The receipt that goods came back with: voided itself, it is as if they had not. Null: a return of a release before.
ALTER TABLE goods_returned ADD COLUMN return_receipt_id text;
CREATE INDEX goods_returned_with ON goods_returned (return_receipt_id) WHERE return_receipt_id IS NOT NULL;
