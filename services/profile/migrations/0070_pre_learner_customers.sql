-- What the learner remembers of each identifier, a row each: written when it changes, so that a new model costs no rewrite of
-- everybody. `due_at_seconds` is when the next example of the chance of return has its label.
CREATE TABLE learner_customers (
    identifier     text   PRIMARY KEY,
    due_at_seconds bigint,
    state          bytea  NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX learner_customers_due ON learner_customers (due_at_seconds) WHERE due_at_seconds IS NOT NULL;
ALTER TABLE learner_customers ALTER COLUMN state SET STORAGE EXTERNAL;
