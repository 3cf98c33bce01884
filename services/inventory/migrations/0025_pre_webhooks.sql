-- Webhooks: who is told of what becomes of commands, how far each is, and the log of deliveries.

CREATE TABLE webhooks (
    webhook_id      text COLLATE "C" PRIMARY KEY,
    url             text        NOT NULL,
    event_types     text[]      NOT NULL,
    description     text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('active', 'disabled')),
    disabled_for    text,
    cursor          bigint      NOT NULL,  -- all up to here was answered 2xx, or not wanted
    run             integer     NOT NULL,  -- raised by each replay
    failures        integer     NOT NULL,  -- since the last success
    failing_since   timestamptz,
    next_attempt_at timestamptz,
    -- What its secrets are derived from, with a key that is not in this database.
    salt            text        NOT NULL,
    generation      integer     NOT NULL,
    key_name        text        NOT NULL,
    former_key_name text,
    former_until    timestamptz,
    -- Who delivers to it just now.
    lease_owner     text,
    leased_until    timestamptz,
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE TABLE webhook_deliveries (
    webhook_id       text COLLATE "C" NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    run              integer     NOT NULL,
    position         bigint      NOT NULL,  -- in command_log
    message_id       text        NOT NULL,
    item_id          text COLLATE "C" NOT NULL,
    type             text        NOT NULL,
    attempts         integer     NOT NULL,
    first_attempt_at timestamptz,
    last_attempt_at  timestamptz,
    next_attempt_at  timestamptz,
    delivered_at     timestamptz,
    status           integer,               -- the last HTTP status; null: no answer
    error            text,
    PRIMARY KEY (webhook_id, run, position)
);
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (delivered_at) WHERE delivered_at IS NOT NULL;
