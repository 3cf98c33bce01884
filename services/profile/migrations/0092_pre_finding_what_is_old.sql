-- What is old is found by its day. Ranges of blocks (BRIN) only widen: once rows are forgotten and their space is taken by new
-- ones, each look for old ones reads the whole table. Deltas need none: their ids grow with time.
CREATE INDEX receipts_by_day ON receipts (written_on);
DROP INDEX receipts_written_on;
DROP INDEX facet_deltas_written_on;

-- Whether every service has answered: those that wait are few, those that do not are kept for longer than a year.
ALTER TABLE erasures ADD COLUMN answered boolean NOT NULL DEFAULT false;
UPDATE erasures SET answered = true WHERE (
    SELECT count(*) FROM erasure_receipts WHERE erasure_receipts.erasure_id = erasures.erasure_id
) >= 4;
CREATE INDEX erasures_open ON erasures (requested_at) WHERE NOT answered;
