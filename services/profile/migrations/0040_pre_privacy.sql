-- Whose events, up to when, have no effect any more: late ones, repeats, and all of a rebuild. Nothing but pseudonyms.
CREATE TABLE suppressions (
    identifier  text        PRIMARY KEY,
    customer_id text        NOT NULL UNIQUE,  -- that of the identifier alone
    erased_at   timestamptz NOT NULL,
    erasure_id  text        NOT NULL
);
CREATE INDEX suppressions_erasure ON suppressions (erasure_id);

-- Who was forgotten when, and what each service says that it removed.
CREATE TABLE erasures (
    erasure_id   text        PRIMARY KEY,
    customer_id  text        NOT NULL,
    erased_at    timestamptz NOT NULL,
    requested_at timestamptz NOT NULL,        -- by the server's clock
    removed      jsonb       NOT NULL,        -- what profile removed at once
    deltas_below bigint      NOT NULL,        -- deltas from before it have lower ids
    swept        boolean     NOT NULL DEFAULT false
);
CREATE INDEX erasures_unswept ON erasures (requested_at) WHERE NOT swept;
CREATE INDEX erasures_customer ON erasures (customer_id);
CREATE TABLE erasure_receipts (
    erasure_id  text        NOT NULL,
    service     text        NOT NULL,
    removed     jsonb       NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (erasure_id, service)
);

-- Every word on consent, as it was given: what was said, on what basis, with which evidence.
CREATE TABLE consent_words (
    identifier  text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL,
    purpose     text        NOT NULL,
    channel     text        NOT NULL,
    granted     boolean     NOT NULL,
    basis       text        NOT NULL,
    evidence    text,
    PRIMARY KEY (identifier, occurred_at, event_id)
);

-- Without a present id: the old one is deleted from its topic.
ALTER TABLE identity_changes ALTER COLUMN now_customer_id DROP NOT NULL;
