-- The day's close: what is learned of every item, and of the chain (docs/adr/0103).

-- The newest days that were closed or are being closed. `pooled` is what the chain knew at the end of the day.
CREATE TABLE closes (
    day    integer PRIMARY KEY,  -- UTC, days since 1970-01-01
    done   boolean NOT NULL DEFAULT false,
    pooled bytea
);

-- One row an item: all that is remembered of its shelves. learned_milli: how much of what each shelf ever sold was learned.
CREATE TABLE item_learning (
    item_id       text COLLATE "C" PRIMARY KEY,
    learned_day   integer NOT NULL DEFAULT -1,
    state         bytea,
    store_ids     text[]   NOT NULL DEFAULT '{}',
    learned_milli bigint[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 80);
ALTER TABLE item_learning ALTER COLUMN state SET STORAGE EXTERNAL;  -- floats: compressing them costs more than it saves

-- What each batch of items adds to the chain's knowledge of a day, until the day is closed.
CREATE TABLE contributions (
    day  integer NOT NULL,
    part bigint GENERATED ALWAYS AS IDENTITY,
    body bytea   NOT NULL,
    PRIMARY KEY (day, part)
);

-- Selling hours on the store's own clock.
ALTER TABLE stores ADD COLUMN opens_at_seconds integer NOT NULL DEFAULT 28800;
ALTER TABLE stores ADD COLUMN closes_at_seconds integer NOT NULL DEFAULT 79200;

-- How far demand strays from the plan's rates, a day and a week; empty in a plan that a review made.
ALTER TABLE plans ADD COLUMN excess_day float8[] NOT NULL DEFAULT '{}';
ALTER TABLE plans ADD COLUMN excess_week float8[] NOT NULL DEFAULT '{}';
