-- Stock, demand, plans and commands of the service `inventory`. search_path is the schema.
-- Ids are compared byte by byte (COLLATE "C"): the order in which Python sorts them is the order in which rows are locked.
-- Quantities are thousandths of the item's unit in bigint columns `_milli`; the virtual columns beside them are for people.

-- Master data, newest per key by (occurred_at, event_id).
CREATE TABLE items (
    item_id       text COLLATE "C" PRIMARY KEY,
    name          text        NOT NULL,
    category      text COLLATE "C" NOT NULL,
    unit          text        NOT NULL,
    pack_milli    bigint      NOT NULL CHECK (pack_milli > 0),
    price_cents   bigint,
    cost_cents    bigint,
    currency      text        NOT NULL,
    stock_keeping boolean     NOT NULL,
    occurred_at   timestamptz NOT NULL,
    event_id      text        NOT NULL
);
CREATE INDEX items_not_kept ON items (item_id) WHERE NOT stock_keeping;

CREATE TABLE stores (
    store_id    text COLLATE "C" PRIMARY KEY,
    name        text        NOT NULL,
    time_zone   text        NOT NULL,
    currency    text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL
);

CREATE TABLE lanes (
    lane_id         text COLLATE "C" PRIMARY KEY,
    supplier_id     text        NOT NULL,
    store_id        text COLLATE "C" NOT NULL,  -- '*': all of them
    category        text COLLATE "C",
    lead_time_hours integer     NOT NULL,
    order_weekdays  integer[]   NOT NULL,       -- 0 is Monday
    occurred_at     timestamptz NOT NULL,
    event_id        text        NOT NULL
);

-- What each receipt moved, so that it can be voided; a row without lines is a void that waits for its receipt.
CREATE TABLE receipts (
    store_id     text COLLATE "C" NOT NULL,
    receipt_id   text COLLATE "C" NOT NULL,
    lines        bytea,        -- MessagePack [[line_no, item_id, quantity_milli, amount_cents], ...]
    void_event   text,
    voided_at    timestamptz,
    accepted_at  timestamptz,  -- when the door accepted the void
    PRIMARY KEY (store_id, receipt_id)
);

-- What moved at each moment: sums of integers, so the order of arrival cannot matter.
CREATE TABLE movements (
    item_id     text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    day         integer     NOT NULL,  -- of `at` in UTC, days since 1970-01-01
    sold_milli  bigint      NOT NULL,
    moved_milli bigint      NOT NULL,
    PRIMARY KEY (item_id, store_id, at)
);
CREATE INDEX movements_day ON movements USING brin (day);

-- Kept up step by step: on_hand = the count in force + everything that moved after it (domain/stock.py states the law).
CREATE TABLE stock (
    item_id       text COLLATE "C" NOT NULL,
    store_id      text COLLATE "C" NOT NULL,
    on_hand_milli bigint      NOT NULL DEFAULT 0,
    sold_milli    bigint      NOT NULL DEFAULT 0,
    counted_milli bigint      NOT NULL DEFAULT 0,
    counted_at    timestamptz,
    counted_by    text,
    first_day     integer     NOT NULL,  -- when the shelf was first heard of, days since 1970-01-01
    on_hand       numeric GENERATED ALWAYS AS (on_hand_milli / 1000.0) VIRTUAL,
    sold_units    numeric GENERATED ALWAYS AS (sold_milli / 1000.0) VIRTUAL,
    PRIMARY KEY (item_id, store_id)
) WITH (fillfactor = 80);
CREATE INDEX stock_store ON stock (store_id, item_id);

-- Which items the next review looks at: '-infinity' = touched, else not before. A row is also the item's lock:
-- whoever changes an item's stock or commands takes it before committing, and a review deletes it before reading.
CREATE TABLE agenda (
    item_id text COLLATE "C" PRIMARY KEY,
    due_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX agenda_due ON agenda (due_at, item_id);

CREATE TABLE commands (
    command_id     text COLLATE "C" PRIMARY KEY,
    version        integer     NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('reorder', 'reroute')),
    status         text        NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    store_id       text COLLATE "C" NOT NULL,
    from_store_id  text COLLATE "C",
    supplier_id    text,
    lane_id        text,
    quantity_milli bigint      NOT NULL CHECK (quantity_milli > 0),
    packs          integer     NOT NULL,
    cost_cents     bigint,
    promised_milli bigint,
    shipped_milli  bigint      NOT NULL DEFAULT 0,
    received_milli bigint      NOT NULL DEFAULT 0,
    decided_at     timestamptz NOT NULL,
    needed_at      timestamptz NOT NULL,
    valid_until    timestamptz NOT NULL,
    expected_at    timestamptz,
    explanation    text        NOT NULL,
    quantity       numeric GENERATED ALWAYS AS (quantity_milli / 1000.0) VIRTUAL
) WITH (fillfactor = 80);
CREATE INDEX commands_item ON commands (item_id, needed_at);
CREATE INDEX commands_open ON commands (status, kind) WHERE status NOT IN ('rejected', 'closed', 'expired');

-- Every answer once: (command, version, status) names it.
CREATE TABLE acknowledgements (
    command_id     text COLLATE "C" NOT NULL,
    version        integer     NOT NULL,
    status         text        NOT NULL,
    quantity_milli bigint,
    expected_at    timestamptz,
    reason         text,
    answered_at    timestamptz NOT NULL,
    PRIMARY KEY (command_id, version, status)
);

-- One row an item: the plan of its last review; arrays in the order of store_ids.
CREATE TABLE plans (
    item_id           text COLLATE "C" PRIMARY KEY,
    day               integer   NOT NULL,  -- days since 1970-01-01
    store_ids         text[]    NOT NULL,
    rate              float8[]  NOT NULL,
    shape             float8[]  NOT NULL,
    variance_ratio    float8[]  NOT NULL,
    shelf_days        float8[]  NOT NULL,
    voucher_units     float8[]  NOT NULL,
    trigger_milli     bigint[]  NOT NULL,
    order_up_to_milli bigint[]  NOT NULL,
    statuses          smallint[] NOT NULL
) WITH (fillfactor = 50);

-- What a category's shelves sold over the last weeks; made anew at the first review of each event day.
CREATE TABLE category_levels (
    category           text COLLATE "C" PRIMARY KEY,
    day                integer  NOT NULL,
    weekday_milli      bigint[] NOT NULL,  -- Mondays first
    weekday_shelf_days bigint[] NOT NULL,
    shelves_per_store  float8   NOT NULL
);

-- Units that issued vouchers will probably sell, in millionths; an empty item_id means the category.
CREATE TABLE voucher_demand (
    store_id       text COLLATE "C" NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    category       text COLLATE "C" NOT NULL,
    first_day      integer NOT NULL,
    last_day       integer NOT NULL,
    expected_micro bigint  NOT NULL,
    PRIMARY KEY (item_id, category, store_id, first_day, last_day)
);

-- What each review came to, written in the transactions of what it decided.
CREATE TABLE reviews (
    reached_at timestamptz PRIMARY KEY,
    items      integer NOT NULL,
    reorders   integer NOT NULL,
    reroutes   integer NOT NULL
);

-- The newest availability; the relay publishes rows whose version is above what was published.
CREATE TABLE availability (
    item_id           text COLLATE "C" NOT NULL,
    store_id          text COLLATE "C" NOT NULL,
    status            text        NOT NULL CHECK (status IN ('none', 'low', 'plenty')),
    on_hand_milli     bigint      NOT NULL,
    available_milli   bigint      NOT NULL,
    changed_at        timestamptz NOT NULL,
    version           bigint      NOT NULL,
    published_version bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, store_id)
) WITH (fillfactor = 70);
CREATE INDEX availability_unpublished ON availability (item_id, store_id) WHERE version > published_version;
