-- Of what moved, what is known to be of which lot: sums by last day, part of the movement of the same moment.
CREATE TABLE lots (
    item_id      text COLLATE "C" NOT NULL,
    store_id     text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    last_day     integer     NOT NULL,  -- days since 1970-01-01
    change_milli bigint      NOT NULL,
    PRIMARY KEY (item_id, store_id, at, last_day)
);
CREATE INDEX lots_last_day ON lots (last_day);

-- Shelves of which lots were named: only there is the age of long-lived stock followed.
ALTER TABLE shelf_facts ADD COLUMN lots_are_named boolean NOT NULL DEFAULT false;
