-- Codes: misses by whoever makes them, in one place for all processes.

-- One row per lane, store or caller that missed lately; rows that say nothing any more are deleted.
CREATE TABLE code_misses (
    subject      text        PRIMARY KEY,
    misses       integer     NOT NULL CHECK (misses >= 0),
    since        timestamptz NOT NULL,
    locked_until timestamptz
) WITH (fillfactor = 50);
CREATE INDEX code_misses_since ON code_misses (since);
