-- Brakes: what issues no vouchers any more until somebody releases it. Rows stay: they say who did it, when and why.
CREATE TABLE brakes (
    brake_id       text        PRIMARY KEY,
    scope          text        NOT NULL CHECK (scope IN ('chain', 'store', 'campaign')),
    entity_id      text        NOT NULL CHECK ((scope = 'chain') = (entity_id = '')),
    redemptions    boolean     NOT NULL,           -- printed vouchers are refused too
    cause          text        NOT NULL,           -- a person, or the rule that tripped
    reason         text        NOT NULL,
    pulled_by      text        NOT NULL,
    of_store       text        NOT NULL,           -- the store that whoever pulled it belongs to; * is head office
    pulled_at      timestamptz NOT NULL DEFAULT now(),
    released_by    text,
    release_reason text,
    released_at    timestamptz,
    CHECK (num_nulls(released_by, release_reason, released_at) IN (0, 3))
);
CREATE INDEX brakes_in_force ON brakes (scope, entity_id) WHERE released_at IS NULL;

-- How far each journal was read for the rate of spending, and what was read, by second; older than the window is deleted.
CREATE TABLE spend_watch (
    campaign_id text   PRIMARY KEY,
    number      bigint NOT NULL
);
INSERT INTO spend_watch SELECT campaign_id, transfers FROM budgets;
CREATE TABLE spend_readings (
    campaign_id    text        NOT NULL,
    at             timestamptz NOT NULL,
    promised_cents bigint      NOT NULL,
    given_cents    bigint      NOT NULL,
    PRIMARY KEY (campaign_id, at)
);

-- What the doors say of themselves: checkouts answered, and those of them that were too late or whose outcome is unknown.
CREATE TABLE door_readings (
    at       timestamptz NOT NULL DEFAULT now(),
    answered bigint      NOT NULL,
    lost     bigint      NOT NULL
);
CREATE INDEX door_readings_at ON door_readings (at);

CREATE INDEX redemptions_answered ON redemptions (answered_at);
