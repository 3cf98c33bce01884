-- Invalid events, byte for byte, with the reason. The id follows from source, id and bytes: a repeat adds nothing.
CREATE TABLE quarantine (
    quarantine_id uuid        PRIMARY KEY,
    source        text,
    event_id      text,
    type          text,
    slug          text        NOT NULL,
    detail        text        NOT NULL,
    pointer       text        NOT NULL,
    raw           bytea       NOT NULL,
    sent_by       text        NOT NULL,  -- the id of the API key that it came with
    at            timestamptz NOT NULL
);
CREATE INDEX quarantine_newest ON quarantine (at DESC, quarantine_id DESC);
