-- What links do to a plan; empty without one. Pods of the release before write plans without them: made anew at the next close.
ALTER TABLE plans
    ADD COLUMN predecessor     text,                               -- whose stock counts for this item's orders,
    ADD COLUMN stands_in_milli bigint[] NOT NULL DEFAULT '{}',     -- how much of it there is
    ADD COLUMN successor       text,                               -- nothing is ordered any more: this one is
    ADD COLUMN served_else     float8[] NOT NULL DEFAULT '{}';     -- the share of what is missed that substitutes sell instead
