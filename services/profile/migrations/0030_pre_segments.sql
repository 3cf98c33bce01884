-- Segments: the newest version of each document. `number` is that of the save, over all segments: the rules in force.
CREATE TABLE segments (
    segment_id text        PRIMARY KEY,
    version    bigint      NOT NULL,
    number     bigint      NOT NULL UNIQUE,
    document   text        NOT NULL,        -- JSON of SegmentDocument
    saved_at   timestamptz NOT NULL,
    saved_by   text        NOT NULL         -- the id of the key
);

-- Every version that ever was.
CREATE TABLE segment_versions (
    segment_id text        NOT NULL,
    version    bigint      NOT NULL,
    document   text        NOT NULL,
    saved_at   timestamptz NOT NULL,
    saved_by   text        NOT NULL,
    PRIMARY KEY (segment_id, version)
);

-- Who is in which segment, as the customer's newest view says; written by folders, who hold the customer's lock.
CREATE TABLE segment_members (
    customer_id text        NOT NULL,
    segment_id  text        NOT NULL,
    entered_at  timestamptz NOT NULL,       -- event time
    PRIMARY KEY (customer_id, segment_id)
);
CREATE INDEX segment_members_of ON segment_members (segment_id, customer_id);
CREATE TABLE segment_sizes (
    segment_id    text   PRIMARY KEY,
    members_count bigint NOT NULL
) WITH (fillfactor = 50);

-- How far the customers that nothing happened to have been looked at under the newest rules: one row.
CREATE TABLE segment_sweep (
    only_row        boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    number          bigint      NOT NULL,   -- of the rules that it is about
    after_customer  text        NOT NULL,
    customers_done  bigint      NOT NULL,
    customers_total bigint      NOT NULL,   -- as it was when the sweep began
    changed_count   bigint      NOT NULL,
    finished        boolean     NOT NULL
);
INSERT INTO segment_sweep VALUES (true, 0, '', 0, 0, 0, true);

-- Shipped with the service; from here on they are the chain's own, to be changed and archived like any other.
WITH shipped AS (
    SELECT row_number() OVER () AS number, one FROM jsonb_array_elements($shipped$
[
 {"segment_id": "new", "document": {
   "name": "New", "description": "Known for less than two months.", "owner": "marketing",
   "rule": {"kind": "figure", "figure": "known_days", "comparison": "less_than", "value": 60}}},
 {"segment_id": "regular", "document": {
   "name": "Regular", "description": "Comes at least every ten days, and still does.", "owner": "marketing",
   "rule": {"kind": "all", "of": [
     {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": 5},
     {"kind": "figure", "figure": "trip_interval_days", "comparison": "at_most", "value": 10},
     {"kind": "figure", "figure": "trip_due_ratio", "comparison": "less_than", "value": 2.5}]}}},
 {"segment_id": "high_value", "document": {
   "name": "High value", "description": "Spends at the pace of the chain's best.", "owner": "marketing",
   "rule": {"kind": "figure", "figure": "weekly_cents", "comparison": "at_least", "value": 10000}}},
 {"segment_id": "growing", "document": {
   "name": "Growing", "description": "Spends a third more of late than before.", "owner": "marketing",
   "rule": {"kind": "all", "of": [
     {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": 5},
     {"kind": "figure", "figure": "trend_ratio", "comparison": "at_least", "value": 1.33}]}}},
 {"segment_id": "lapsing", "document": {
   "name": "Lapsing", "description": "Overdue by more than two and a half of the usual intervals, but not gone.",
   "owner": "marketing",
   "rule": {"kind": "all", "of": [
     {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": 5},
     {"kind": "figure", "figure": "trip_due_ratio", "comparison": "at_least", "value": 2.5},
     {"kind": "figure", "figure": "since_trip_days", "comparison": "less_than", "value": 120}]}}},
 {"segment_id": "lost", "document": {
   "name": "Lost", "description": "Has not come for four months.", "owner": "marketing",
   "rule": {"kind": "figure", "figure": "since_trip_days", "comparison": "at_least", "value": 120}}},
 {"segment_id": "bargain_hunter", "document": {
   "name": "Bargain hunter", "description": "A quarter of the shelf price is taken off.", "owner": "marketing",
   "rule": {"kind": "all", "of": [
     {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": 5},
     {"kind": "figure", "figure": "discount_ratio", "comparison": "at_least", "value": 0.25}]}}}
]
    $shipped$::jsonb) AS one
), saved AS (
    INSERT INTO segments (segment_id, version, number, document, saved_at, saved_by)
    SELECT one ->> 'segment_id', 1, number, one ->> 'document', now(), 'shipped' FROM shipped
    RETURNING segment_id, version, document, saved_at, saved_by
)
INSERT INTO segment_versions SELECT * FROM saved;
