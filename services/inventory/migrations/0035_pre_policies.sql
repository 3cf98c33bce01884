-- How item classes and shelves are ordered, and the calendars and limits of lanes.
ALTER TABLE items
    ADD COLUMN shelf_life_days integer,
    ADD COLUMN layer_packs     integer NOT NULL DEFAULT 1,
    ADD COLUMN least_packs     integer NOT NULL DEFAULT 1,
    ADD COLUMN weight_grams    bigint  NOT NULL DEFAULT 0,
    ADD COLUMN volume_ml       bigint  NOT NULL DEFAULT 0;

ALTER TABLE lanes
    ADD COLUMN cutoff_at     time,                           -- on the clocks of time_zone
    ADD COLUMN time_zone     text    NOT NULL DEFAULT 'UTC',
    ADD COLUMN closed_on     date[]  NOT NULL DEFAULT '{}',
    ADD COLUMN truck_units   bigint,
    ADD COLUMN truck_grams   bigint,
    ADD COLUMN truck_ml      bigint,
    ADD COLUMN fills_truck   boolean NOT NULL DEFAULT false,
    ADD COLUMN budget_cents  bigint,
    ADD COLUMN minimum_cents bigint;

-- The shelf plan: what one item has in one store.
CREATE TABLE shelf_facts (
    item_id            text COLLATE "C" NOT NULL,
    store_id           text COLLATE "C" NOT NULL,
    capacity_milli     bigint CHECK (capacity_milli >= 0),
    presentation_milli bigint CHECK (presentation_milli >= 0),
    PRIMARY KEY (item_id, store_id)
);

-- Policies of item classes, version by version, the newest in force with its commit.
CREATE TABLE policy_books (
    version integer     PRIMARY KEY CHECK (version > 0),
    body    jsonb       NOT NULL,
    author  text        NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
