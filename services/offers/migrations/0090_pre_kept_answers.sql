-- Answers to writes that named a key (Idempotency-Key), each written in the transaction of what it tells. No answer here holds a code.
CREATE TABLE kept_answers (
    name        bytea       PRIMARY KEY CHECK (length(name) = 16),  -- a digest over the caller's API key id and its key
    asked       bytea       NOT NULL,                               -- a digest of the request
    status      smallint    NOT NULL,
    media_type  text        NOT NULL,
    answer      bytea       NOT NULL,
    answered_at timestamptz NOT NULL
);
CREATE INDEX kept_answers_age ON kept_answers (answered_at);
