-- What is needed to judge an event again as its sender's, to mend it, and to say what became of it.
ALTER TABLE quarantine
    ADD COLUMN rule       text        NOT NULL DEFAULT '',
    ADD COLUMN schema_id  text,
    ADD COLUMN door       text        NOT NULL DEFAULT 'events',
    ADD COLUMN store_id   text        NOT NULL DEFAULT '*',                -- the store that the sender's key is bound to
    ADD COLUMN rights     text[]      NOT NULL DEFAULT '{events:write}',  -- the scopes that the sender's key had
    ADD COLUMN country    text,
    ADD COLUMN last_at    timestamptz,                                    -- the newest repeat
    ADD COLUMN times      integer     NOT NULL DEFAULT 1,
    ADD COLUMN state      text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'resubmitted', 'discarded')),
    ADD COLUMN mended     bytea,                                          -- the patched event, which was valid when it was patched
    ADD COLUMN decided_by text,
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN outcome    text;                                           -- of the last resubmission, or why it was discarded
CREATE INDEX quarantine_waiting ON quarantine (slug, type) WHERE state = 'waiting';
