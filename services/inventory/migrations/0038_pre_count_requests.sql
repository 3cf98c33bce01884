-- The last day on which anything moved on a shelf; null before it is known.
ALTER TABLE stock ADD COLUMN moved_day integer;

-- Shelves that somebody should count. A request is open until anything moves there or it is counted.
CREATE TABLE count_requests (
    request_id   text COLLATE "C" PRIMARY KEY,  -- of item, store and the day since which it is silent
    item_id      text COLLATE "C" NOT NULL,
    store_id     text COLLATE "C" NOT NULL,
    silent_since integer NOT NULL,              -- days since 1970-01-01
    asked_at     timestamptz NOT NULL,
    book_milli   bigint  NOT NULL,
    empty_ratio  float8  NOT NULL,
    stake_cents  float8  NOT NULL,
    reason       text    NOT NULL
);
CREATE INDEX count_requests_shelf ON count_requests (item_id, store_id, silent_since);

-- What a shelf was expected to sell when it fell silent: what is forecast later has learned the silence itself.
CREATE TABLE silences (
    item_id   text COLLATE "C" NOT NULL,
    store_id  text COLLATE "C" NOT NULL,
    since_day integer NOT NULL,
    rate      float8  NOT NULL,
    excess    float8  NOT NULL,
    PRIMARY KEY (item_id, store_id)
) WITH (fillfactor = 70);
