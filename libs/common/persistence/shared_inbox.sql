-- What was seen long ago is found by its time. Ranges of blocks (BRIN) only widen: once rows are forgotten and their space is taken
-- by new ones, each look for old ones reads the whole table.
CREATE INDEX inbox_by_time ON inbox (seen_at);
DROP INDEX inbox_seen_at;
