-- How items are tied to each other, newest per id by (occurred_at, event_id) (docs/adr/0114).
CREATE TABLE item_links (
    link_id     text COLLATE "C" PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('supersedes', 'substitutes', 'looks_like')),
    item_id     text COLLATE "C" NOT NULL,
    other_ids   text[]      NOT NULL,
    first_day   integer,                 -- of one that supersedes, days since 1970-01-01
    ratio       float8,
    cancelled   boolean     NOT NULL,
    handed_day  integer,                 -- the close in which a superseded item's demand was handed over
    served      float8      NOT NULL DEFAULT 0,  -- of substitutes: what they sold more while one was empty, and what that one missed
    missed      float8      NOT NULL DEFAULT 0,
    occurred_at timestamptz NOT NULL,
    event_id    text        NOT NULL
);

-- The links that a day is closed with, as they were when it was opened; none where nothing is linked.
ALTER TABLE closes ADD COLUMN links jsonb;
