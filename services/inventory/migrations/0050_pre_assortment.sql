-- What should be carried where (docs/adr/0111). search_path is the schema. Nothing here names a person.

-- Items as searches and look-alikes see them; newest per key by (occurred_at, event_id). `words` are those of name, category, type and brand.
CREATE TABLE assortment_items (
    item_id       text COLLATE "C" PRIMARY KEY,
    name          text        NOT NULL,
    category      text COLLATE "C" NOT NULL,
    item_type     text COLLATE "C" NOT NULL,
    brand         text,
    price_cents   bigint,
    stock_keeping boolean     NOT NULL,
    words         text[]      NOT NULL,
    occurred_at   timestamptz NOT NULL,
    event_id      text        NOT NULL
);
CREATE INDEX assortment_items_words ON assortment_items USING gin (words);

CREATE TABLE assortment_stores (
    store_id    text COLLATE "C" PRIMARY KEY,
    region      text,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL
);

-- Searches by what was meant, place and week (Mondays first, counted from that of 1970-01-01). `unanswered` found nothing.
-- `seen_by` and `unanswered_by` have a bit for each of 63 shares of all visitors; which share is another for every subject and week.
CREATE TABLE searches (
    subject_kind  text    NOT NULL CHECK (subject_kind IN ('item', 'category')),
    subject_id    text COLLATE "C" NOT NULL,
    place_kind    text    NOT NULL CHECK (place_kind IN ('store', 'region', 'chain')),
    place_id      text COLLATE "C" NOT NULL,
    week          integer NOT NULL,
    searches      bigint  NOT NULL,
    unanswered    bigint  NOT NULL,
    seen_by       bigint  NOT NULL,
    unanswered_by bigint  NOT NULL,
    PRIMARY KEY (subject_kind, subject_id, place_kind, place_id, week)
) WITH (fillfactor = 70);
CREATE INDEX searches_week ON searches (week);

-- What empty shelves hid of an item on a day, as its close estimated it; only stores where it hid anything.
CREATE TABLE hidden_demand (
    item_id     text COLLATE "C" NOT NULL,
    day         integer  NOT NULL,  -- UTC, days since 1970-01-01
    store_ids   text[]   NOT NULL,
    units_milli bigint[] NOT NULL,
    PRIMARY KEY (item_id, day)
);
CREATE INDEX hidden_demand_day ON hidden_demand (day);
