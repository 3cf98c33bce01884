-- Commands may wait before they are sent (proposed, approved) and be taken back (cancelled). A release that does not know these
-- words reads `status`, which says the nearest that it knows; `state` is the truth. Whoever writes the truth writes both.
ALTER TABLE commands
    ADD COLUMN stage        text CHECK (stage IN ('proposed', 'approved', 'cancelled')),
    ADD COLUMN holds        jsonb       NOT NULL DEFAULT '{}',  -- what holds a proposal back: {by: reason}
    ADD COLUMN approved_by  text,
    ADD COLUMN sent_at      timestamptz,
    ADD COLUMN attempts     integer     NOT NULL DEFAULT 1,     -- how often this version was sent
    ADD COLUMN changed_at   timestamptz,                        -- of the last change of status
    ADD COLUMN alarm        text,                               -- what somebody should look at: unanswered, overdue, ...
    ADD COLUMN refused      jsonb       NOT NULL DEFAULT '[]',  -- sources that said no to this need
    ADD COLUMN stake_cents  bigint,                             -- what the goods are worth
    ADD COLUMN basis        jsonb,                              -- the figures of its explanation
    ADD COLUMN state        text GENERATED ALWAYS AS (
        CASE WHEN stage IN ('proposed', 'approved') AND status = 'sent' THEN stage
             WHEN stage = 'cancelled' AND status = 'expired' THEN stage
             ELSE status END) VIRTUAL;
CREATE INDEX commands_waiting ON commands (lane_id, command_id) WHERE stage IN ('proposed', 'approved') AND status = 'sent';
CREATE INDEX commands_alarmed ON commands (command_id) WHERE alarm IS NOT NULL;

-- What became of commands, in the order in which it was committed: read by live streams and webhooks, and shown as history.
-- A row is written without position in the transaction of its change; numbering gives positions to committed rows, one
-- transaction at a time, so that a reader who has seen position n has seen everything up to n.
CREATE TABLE command_log (
    log_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position       bigint,
    at             timestamptz NOT NULL,
    change         text        NOT NULL,  -- proposed, sent, acknowledged, ... (domain/changes.py)
    actor          text        NOT NULL,  -- who: a rule, a key, the clock, stock
    reason         text,
    command_id     text COLLATE "C" NOT NULL,
    version        integer     NOT NULL,
    kind           text        NOT NULL,
    state          text        NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    store_id       text COLLATE "C" NOT NULL,
    from_store_id  text COLLATE "C",
    supplier_id    text,
    lane_id        text,
    quantity_milli bigint      NOT NULL,
    packs          integer     NOT NULL,
    cost_cents     bigint,
    promised_milli bigint,
    shipped_milli  bigint      NOT NULL,
    received_milli bigint      NOT NULL,
    decided_at     timestamptz NOT NULL,
    needed_at      timestamptz NOT NULL,
    valid_until    timestamptz NOT NULL,
    expected_at    timestamptz,
    attempts       integer     NOT NULL,
    explanation    text        NOT NULL
);
CREATE UNIQUE INDEX command_log_position ON command_log (position);
CREATE INDEX command_log_unnumbered ON command_log (log_id) WHERE position IS NULL;
CREATE INDEX command_log_command ON command_log (command_id, log_id);
CREATE SEQUENCE command_log_positions;

-- Where several lanes supply a store, the lower rank is asked first.
ALTER TABLE lanes ADD COLUMN rank integer NOT NULL DEFAULT 0;

-- What people decided: one decision a version.
CREATE TABLE command_decisions (
    command_id text COLLATE "C" NOT NULL,
    version    integer     NOT NULL,
    ruling     text        NOT NULL,
    packs      integer,
    reason     text,
    decided_by text        NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (command_id, version)
);
