-- What was asked for and not there, where somebody tells of it (a simulator that reveals it). With the first such row nothing is estimated any more.
CREATE TABLE unmet_demand (
    item_id     text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    day         integer NOT NULL,  -- UTC, days since 1970-01-01
    units_milli bigint  NOT NULL,
    PRIMARY KEY (item_id, store_id, day)
);
