-- A person's key, wrapped under the deployment's: what was sealed under it is unreadable once its row is gone.
CREATE TABLE person_keys (
    person        text        PRIMARY KEY,  -- kind:pseudonym, or day:YYYY-MM-DD for what names nobody
    wrapped       bytea       NOT NULL,
    wrapped_under text        NOT NULL,     -- the fingerprint of the key-encryption key
    made_at       timestamptz NOT NULL
);
