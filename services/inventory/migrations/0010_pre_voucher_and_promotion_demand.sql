-- Vouchers and promotions as demand that is known ahead. search_path is the schema.

-- All that was heard of each voucher, and until which day it matters. `standing` is MessagePack (domain/vouchers.py Standing):
-- every sum below is a sum over these rows, so the order in which facts come cannot matter.
CREATE TABLE vouchers (
    voucher_id text COLLATE "C" PRIMARY KEY,
    standing   bytea   NOT NULL,
    last_day   integer NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX vouchers_last_day ON vouchers (last_day);

-- How many open vouchers stand behind a line; pods of the release before add units without counting.
ALTER TABLE voucher_demand ADD COLUMN vouchers bigint NOT NULL DEFAULT 0;
CREATE INDEX voucher_demand_last_day ON voucher_demand (last_day);

-- What the ends of vouchers taught, by category: `promised` and `used` in millionths of a unit, `part-0` .. `part-9` of the window in
-- which they were used, `ended`, and `met-empty`: of those, how many met an empty shelf.
CREATE TABLE voucher_lessons (
    category text COLLATE "C" NOT NULL,
    figure   text COLLATE "C" NOT NULL,
    amount   bigint           NOT NULL,
    PRIMARY KEY (category, figure)
) WITH (fillfactor = 70);

-- Known promotions, newest per id by (occurred_at, event_id). No stores: all of them.
CREATE TABLE promotions (
    promotion_id text COLLATE "C" PRIMARY KEY,
    item_ids     text[]      NOT NULL,
    store_ids    text[]      NOT NULL,
    first_day    integer     NOT NULL,  -- days since 1970-01-01
    last_day     integer     NOT NULL,
    mailer       text,                  -- 'front' or 'inside'
    display      boolean     NOT NULL,
    cancelled    boolean     NOT NULL,
    occurred_at  timestamptz NOT NULL,
    event_id     text        NOT NULL
);
CREATE INDEX promotions_items ON promotions USING gin (item_ids);
