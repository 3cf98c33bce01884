-- Every effect is a row without a unique key: an effect that happens twice shows.
CREATE TABLE effects (
    place     bigint GENERATED ALWAYS AS IDENTITY,
    event_id  text NOT NULL,
    item_id   text NOT NULL,
    partition integer NOT NULL
);
CREATE TABLE states (
    item_id           text PRIMARY KEY,
    amount            bigint NOT NULL,
    version           bigint NOT NULL,
    published_version bigint NOT NULL DEFAULT 0
);
CREATE INDEX states_unpublished ON states (item_id) WHERE version > published_version;
