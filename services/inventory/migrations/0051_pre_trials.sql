-- What people decided of introductions, and how the items that were introduced do under their stop rule.
CREATE TABLE trials (
    item_id     text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    started_at  timestamptz NOT NULL,
    started_day integer     NOT NULL,  -- UTC, days since 1970-01-01
    started_by  text        NOT NULL,
    rule        jsonb       NOT NULL,  -- domain/assortment/stop_rule.py StopRule, frozen when it was accepted
    says        text        NOT NULL,
    judged_day  integer,               -- the last closed day that was looked at
    standing    text        NOT NULL DEFAULT 'waiting' CHECK (standing IN ('waiting', 'watched', 'keep', 'stop')),
    days        integer     NOT NULL DEFAULT 0,
    units       float8      NOT NULL DEFAULT 0,
    reason      text        NOT NULL DEFAULT '',
    ended_at    timestamptz,
    ended_by    text,
    PRIMARY KEY (item_id, store_id, started_at)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX trials_one_at_a_time ON trials (item_id, store_id) WHERE ended_at IS NULL;
CREATE INDEX trials_store ON trials (store_id, item_id);

CREATE TABLE declined_introductions (
    item_id     text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    declined_at timestamptz NOT NULL,
    declined_by text        NOT NULL,
    reason      text,
    PRIMARY KEY (item_id, store_id)
);
