-- Rounds of lanes with limits: one a lane and cut-off, written in the transaction of what it decided.
CREATE TABLE lane_rounds (
    lane_id     text COLLATE "C" NOT NULL,
    closed_at   timestamptz NOT NULL,              -- the cut-off
    decided_at  timestamptz NOT NULL,
    proposals   integer     NOT NULL DEFAULT 0,
    sent        integer     NOT NULL DEFAULT 0,    -- of them, with at least a pack
    order_cents bigint      NOT NULL DEFAULT 0,
    value_cents double precision NOT NULL DEFAULT 0,
    gap_cents   double precision NOT NULL DEFAULT 0, -- no choice is worth more than this above value_cents
    bound_by    text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (lane_id, closed_at)
);
