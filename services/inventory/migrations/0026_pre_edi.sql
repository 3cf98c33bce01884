-- Orders for trading partners and their answers, in EDIFACT and X12.

CREATE TABLE edi_partners (
    partner_id      text COLLATE "C" PRIMARY KEY,
    supplier_id     text        NOT NULL UNIQUE,
    format          text        NOT NULL CHECK (format IN ('edifact', 'x12')),
    our_id          text        NOT NULL,
    our_qualifier   text        NOT NULL,
    their_id        text        NOT NULL,
    their_qualifier text        NOT NULL,
    character_set   text        NOT NULL,
    currency        text        NOT NULL,
    time_zone       text        NOT NULL,
    is_test         boolean     NOT NULL,
    store_codes     jsonb       NOT NULL,
    cursor          bigint      NOT NULL,            -- in command_log: all up to here is written
    last_control    bigint      NOT NULL DEFAULT 0,  -- the control number that was given last; no other is given twice
    created_at      timestamptz NOT NULL
);

CREATE TABLE edi_interchanges (
    interchange_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id        text COLLATE "C" NOT NULL REFERENCES edi_partners,
    direction         text        NOT NULL CHECK (direction IN ('in', 'out')),
    kind              text        NOT NULL,  -- orders, receipt, answers
    control_reference text,                  -- null: it could not be read
    state             text        NOT NULL,  -- out: waiting, fetched, acknowledged, rejected, unsayable; in: taken, refused
    detail            text        NOT NULL,
    raw               bytea       NOT NULL,
    digest            bytea       NOT NULL,
    outcome           jsonb       NOT NULL,
    at                timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX edi_interchanges_control ON edi_interchanges (partner_id, direction, control_reference)
    WHERE control_reference IS NOT NULL AND state <> 'refused';
CREATE UNIQUE INDEX edi_interchanges_digest ON edi_interchanges (partner_id, digest) WHERE direction = 'in';
CREATE INDEX edi_interchanges_waiting ON edi_interchanges (partner_id, interchange_id) WHERE state = 'waiting';

CREATE TABLE edi_orders (
    partner_id     text COLLATE "C" NOT NULL REFERENCES edi_partners,
    order_number   text COLLATE "C" NOT NULL,
    version        integer NOT NULL,
    command_id     text COLLATE "C" NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    interchange_id bigint  NOT NULL REFERENCES edi_interchanges,
    PRIMARY KEY (partner_id, order_number, version)
);
