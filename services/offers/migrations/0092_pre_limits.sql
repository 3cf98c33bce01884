-- How much of a campaign's limits is used. Whoever changes a row of a campaign holds the lock of its budget.
CREATE TABLE limit_uses (
    per         text   NOT NULL,
    entity      text   NOT NULL,  -- empty: the campaign itself
    period      text   NOT NULL,
    starts_on   date   NOT NULL,
    campaign_id text   NOT NULL,
    count       bigint NOT NULL CHECK (count >= 0),
    cents       bigint NOT NULL CHECK (cents >= 0),
    PRIMARY KEY (per, entity, period, starts_on, campaign_id)
) WITH (fillfactor = 70);
-- For head office. Only of what is few: a plan that looked a customer up by the campaign would read all of its customers.
CREATE INDEX limit_uses_shown ON limit_uses (campaign_id, per, period, starts_on) WHERE per NOT IN ('customer', 'household');

-- On which counters a voucher stands. What it adds to them follows from its own row: see `limits_follow`.
CREATE TABLE voucher_limits (
    voucher_id  text   NOT NULL,
    campaign_id text   NOT NULL,
    per         text   NOT NULL,
    entity      text   NOT NULL,
    period      text   NOT NULL,
    starts_on   date   NOT NULL,
    most_cents  bigint,
    PRIMARY KEY (voucher_id, per, period)
);
CREATE INDEX voucher_limits_customer ON voucher_limits (entity) WHERE per = 'customer';

ALTER TABLE customers ADD COLUMN household_id text;
ALTER TABLE stores ADD COLUMN region text, ADD COLUMN partner text;
CREATE INDEX identities_now ON identities (now_customer_id);

-- All customer ids of the persons that these ids stand for, whichever of them became which.
CREATE FUNCTION same_persons(asked text[]) RETURNS TABLE (asked_id text, person text, customer_id text) LANGUAGE sql STABLE
SET enable_seqscan = off AS $$
    WITH RECURSIVE became (asked_id, customer_id, hops) AS (
        SELECT DISTINCT each, each, 0 FROM unnest(asked) AS each
        UNION ALL
        SELECT became.asked_id, identities.now_customer_id, became.hops + 1
        FROM became JOIN identities ON identities.customer_id = became.customer_id
        WHERE became.hops < 16 AND identities.now_customer_id <> identities.customer_id
    ),
    person AS (SELECT DISTINCT ON (asked_id) asked_id, customer_id AS person FROM became ORDER BY asked_id, hops DESC),
    was (person, customer_id, hops) AS (
        SELECT DISTINCT person, person, 0 FROM person
        UNION ALL
        SELECT was.person, identities.customer_id, was.hops + 1
        FROM was JOIN identities ON identities.now_customer_id = was.customer_id
        WHERE was.hops < 16 AND identities.now_customer_id <> identities.customer_id
    )
    SELECT DISTINCT person.asked_id, person.person, was.customer_id FROM person JOIN was USING (person)
$$;

-- Of the vouchers that are wished for those that their budgets and all limits allow: one after the other, the cheapest first, as
-- services/offers/domain/budget.py: grant_within. The caller holds the budgets' locks; only after that is it read here what is used,
-- because a statement that waited for a lock looks at the rows of before.
CREATE FUNCTION granted_within_limits(
    wish_ids text[], wish_campaigns text[], wish_cents bigint[], wish_remaining bigint[],
    claim_wishes text[], claim_pers text[], claim_entities text[], claim_periods text[], claim_starts date[],
    claim_counts bigint[], claim_cents bigint[]
) RETURNS SETOF text LANGUAGE plpgsql VOLATILE
-- Plans are kept from when the tables were small.
SET enable_seqscan = off SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wish  record;
    place integer;
    fits  boolean;
    used_count bigint[] := '{}';  -- by counter, from when the first wish asks for it
    used_cents bigint[] := '{}';
BEGIN
    FOR wish IN
        WITH wished AS (
            SELECT * FROM unnest(wish_ids, wish_campaigns, wish_cents, wish_remaining)
                          AS wished (voucher_id, campaign_id, cents, remaining_cents)
        ),
        same AS MATERIALIZED (
            SELECT * FROM same_persons((
                SELECT array_agg(DISTINCT entity) FROM unnest(claim_pers, claim_entities) AS claim (per, entity)
                WHERE per = 'customer'))
        ),
        claim AS (
            SELECT voucher_id, campaign_id, per, coalesce(person.person, entity) AS entity, period, starts_on, most_count, most_cents
            FROM unnest(claim_wishes, claim_pers, claim_entities, claim_periods, claim_starts, claim_counts, claim_cents)
                 AS claim (voucher_id, per, entity, period, starts_on, most_count, most_cents)
            JOIN wished USING (voucher_id)
            LEFT JOIN (SELECT DISTINCT 'customer' AS per, asked_id AS entity, person FROM same) AS person USING (per, entity)
            UNION ALL
            SELECT voucher_id, campaign_id, 'budget', '', '', NULL, NULL, remaining_cents FROM wished
        ),
        numbered AS MATERIALIZED (
            SELECT *, CAST(dense_rank() OVER (ORDER BY campaign_id, per, entity, period, starts_on) AS integer) AS number FROM claim
        ),
        counter AS (
            SELECT DISTINCT number, campaign_id, per, coalesce(was.customer_id, entity) AS entity, period, starts_on
            FROM numbered
            LEFT JOIN (SELECT 'customer' AS per, person AS entity, customer_id FROM same) AS was USING (per, entity)
        ),
        stands AS (
            SELECT number, coalesce(sum(uses.count), 0) AS count, coalesce(sum(uses.cents), 0) AS cents
            FROM counter LEFT JOIN LATERAL (
                SELECT limit_uses.count, limit_uses.cents FROM limit_uses
                WHERE limit_uses.per = counter.per AND limit_uses.entity = counter.entity
                  AND limit_uses.period = counter.period AND limit_uses.starts_on = counter.starts_on
                  AND limit_uses.campaign_id = counter.campaign_id OFFSET 0
            ) AS uses ON true
            GROUP BY number
        )
        SELECT wished.voucher_id, wished.cents, asked.*
        FROM wished JOIN (
            SELECT voucher_id, array_agg(number) AS counters, array_agg(most_count) AS most_counts,
                   array_agg(most_cents) AS most_cents, array_agg(stands.count) AS counts, array_agg(stands.cents) AS sums
            FROM numbered JOIN stands USING (number) GROUP BY voucher_id
        ) AS asked USING (voucher_id)
        ORDER BY wished.cents, wished.voucher_id
    LOOP
        fits := true;
        FOR place IN 1 .. cardinality(wish.counters) LOOP
            IF used_count[wish.counters[place]] IS NULL THEN
                used_count[wish.counters[place]] := wish.counts[place];
                used_cents[wish.counters[place]] := wish.sums[place];
            END IF;
            IF used_count[wish.counters[place]] + 1 > wish.most_counts[place]
               OR used_cents[wish.counters[place]] + wish.cents > wish.most_cents[place] THEN
                fits := false;
                EXIT;
            END IF;
        END LOOP;
        IF fits THEN
            FOR place IN 1 .. cardinality(wish.counters) LOOP
                used_count[wish.counters[place]] := used_count[wish.counters[place]] + 1;
                used_cents[wish.counters[place]] := used_cents[wish.counters[place]] + wish.cents;
            END LOOP;
            RETURN NEXT wish.voucher_id;
        END IF;
    END LOOP;
END $$;

-- A voucher counts from its issue until it ends unused, with what it may cost or has cost. So every change of its row moves its
-- counters by the difference, whoever changes it: it is given back once, because the row changes once.
CREATE FUNCTION limits_follow() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM stands
        CROSS JOIN LATERAL (SELECT FROM voucher_limits WHERE voucher_limits.voucher_id = stands.voucher_id LIMIT 1) AS mark
    ) THEN
        RETURN NULL;  -- who has no limits does not pay for them
    END IF;
    PERFORM FROM budgets WHERE campaign_id IN (
        SELECT mark.campaign_id
        FROM (
            SELECT -1 AS sign, voucher_id, state, reserved_cents, given_cents FROM stood
            UNION ALL
            SELECT 1, voucher_id, state, reserved_cents, given_cents FROM stands
        ) AS voucher
        CROSS JOIN LATERAL (
            SELECT voucher_limits.campaign_id FROM voucher_limits WHERE voucher_limits.voucher_id = voucher.voucher_id LIMIT 1
        ) AS mark
        GROUP BY voucher.voucher_id, mark.campaign_id
        HAVING sum(sign * CAST(state IN ('issued', 'redeemed') AS integer)) <> 0 OR sum(sign * (reserved_cents + given_cents)) <> 0
    ) ORDER BY campaign_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE limit_uses SET count = limit_uses.count + moved.count, cents = limit_uses.cents + moved.cents
    FROM (
        SELECT mark.per, mark.entity, mark.period, mark.starts_on, mark.campaign_id,
               sum(sign * CAST(state IN ('issued', 'redeemed') AS integer)) AS count,
               sum(sign * (reserved_cents + given_cents)) AS cents
        FROM (
            SELECT -1 AS sign, voucher_id, state, reserved_cents, given_cents FROM stood
            UNION ALL
            SELECT 1, voucher_id, state, reserved_cents, given_cents FROM stands
        ) AS voucher
        CROSS JOIN LATERAL (
            SELECT * FROM voucher_limits WHERE voucher_limits.voucher_id = voucher.voucher_id OFFSET 0
        ) AS mark
        GROUP BY mark.per, mark.entity, mark.period, mark.starts_on, mark.campaign_id
    ) AS moved
    WHERE limit_uses.per = moved.per AND limit_uses.entity = moved.entity AND limit_uses.period = moved.period
      AND limit_uses.starts_on = moved.starts_on AND limit_uses.campaign_id = moved.campaign_id
      AND (moved.count <> 0 OR moved.cents <> 0);
    RETURN NULL;
END $$;
CREATE TRIGGER vouchers_limits AFTER UPDATE ON vouchers REFERENCING OLD TABLE AS stood NEW TABLE AS stands
    FOR EACH STATEMENT EXECUTE FUNCTION limits_follow();
