-- Whose views, up to when, have no effect any more; by customer id alone.
CREATE TABLE suppressions (
    customer_id text        PRIMARY KEY,
    erased_at   timestamptz NOT NULL
);
-- Erasures that were asked for. Answered once no checkout under way can have missed them.
CREATE TABLE erasures (
    erasure_id   text        PRIMARY KEY,
    customer_ids text[]      NOT NULL,
    noted_at     timestamptz NOT NULL,
    removed      jsonb       NOT NULL,
    answered     boolean     NOT NULL DEFAULT false
);
CREATE INDEX erasures_waiting ON erasures (noted_at) WHERE NOT answered;
CREATE INDEX decisions_customer ON decisions (customer_id) WHERE customer_id IS NOT NULL;
