-- How late orders of a lane came: lines by the day they were due and the hours after that (below 0: early). Sums, so order cannot matter.
CREATE TABLE lane_arrivals (
    lane_id    text COLLATE "C" NOT NULL,
    due_day    integer NOT NULL,   -- days since 1970-01-01
    late_hours integer NOT NULL,
    lines      bigint  NOT NULL,
    PRIMARY KEY (lane_id, due_day, late_hours)
);

-- What was learned of it at the close of a day; the newest day is in force.
CREATE TABLE lane_lead_times (
    lane_id            text COLLATE "C" NOT NULL,
    day                integer  NOT NULL,
    hours              integer[] NOT NULL,
    weights            float8[] NOT NULL,
    stated_hours       integer  NOT NULL,
    order_days         float8   NOT NULL,
    late_days          float8   NOT NULL,
    late_variance_days float8   NOT NULL,
    PRIMARY KEY (lane_id, day)
);
