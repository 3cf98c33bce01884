-- The books: every move of a campaign's money as a transfer between two accounts, numbered without a gap per campaign.
CREATE TABLE journal (
    campaign_id  text        NOT NULL,
    number       bigint      NOT NULL,  -- given under the budget's lock: the order of numbers is the order of commits
    move         text        NOT NULL,
    from_account text        NOT NULL CHECK (from_account IN ('funder', 'available', 'reserved', 'spent')),
    to_account   text        NOT NULL CHECK (to_account IN ('funder', 'available', 'reserved', 'spent')),
    amount_cents bigint      NOT NULL CHECK (amount_cents > 0),
    voucher_id   text,
    cause_id     text        NOT NULL,
    occurred_at  timestamptz NOT NULL,  -- by the money's clock
    posted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, number),
    CHECK (from_account <> to_account)
);

ALTER TABLE budgets ADD COLUMN transfers bigint NOT NULL DEFAULT 0;  -- how many are in the journal

-- What stood in the budgets when the books were opened.
WITH opening AS (
    SELECT campaign_id, from_account, to_account, amount_cents,
           row_number() OVER (PARTITION BY campaign_id ORDER BY place) AS number
    FROM budgets CROSS JOIN LATERAL (VALUES
        (1, 'funder', 'available', cap_cents),
        (2, 'available', 'reserved', reserved_cents),
        (3, 'available', 'spent', spent_cents)
    ) AS stood (place, from_account, to_account, amount_cents)
    WHERE amount_cents > 0
),
posted AS (
    INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, cause_id, occurred_at)
    SELECT campaign_id, number, 'opening', from_account, to_account, amount_cents, 'the books were opened', now() FROM opening
)
UPDATE budgets SET transfers = opened.transfers
FROM (SELECT campaign_id, count(*) AS transfers FROM opening GROUP BY campaign_id) AS opened
WHERE budgets.campaign_id = opened.campaign_id;

-- A process of a release before moves budgets without a word. So that the books are whole all the same, the database posts
-- what moved; whoever posts for himself raises `transfers` in the same statement and never comes here.
CREATE FUNCTION post_unstated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before_cap bigint := 0; before_reserved bigint := 0; before_spent bigint := 0;
    stood record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before_cap := OLD.cap_cents; before_reserved := OLD.reserved_cents; before_spent := OLD.spent_cents;
    END IF;
    FOR stood IN
        SELECT * FROM (VALUES
            ('funder', NEW.cap_cents - before_cap),
            ('reserved', before_reserved - NEW.reserved_cents),
            ('spent', before_spent - NEW.spent_cents)
        ) AS moved (account, freed_cents) WHERE freed_cents <> 0
    LOOP
        NEW.transfers := NEW.transfers + 1;
        INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, cause_id, occurred_at)
        SELECT NEW.campaign_id, NEW.transfers, 'unstated',
               CASE WHEN stood.freed_cents > 0 THEN stood.account ELSE 'available' END,
               CASE WHEN stood.freed_cents > 0 THEN 'available' ELSE stood.account END,
               abs(stood.freed_cents), 'nobody said', now();
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER budgets_unstated BEFORE UPDATE ON budgets FOR EACH ROW
    WHEN (NEW.transfers = OLD.transfers AND (NEW.cap_cents, NEW.reserved_cents, NEW.spent_cents)
          IS DISTINCT FROM (OLD.cap_cents, OLD.reserved_cents, OLD.spent_cents))
    EXECUTE FUNCTION post_unstated();
CREATE TRIGGER budgets_opened_unstated BEFORE INSERT ON budgets FOR EACH ROW
    WHEN (NEW.transfers = 0 AND (NEW.cap_cents, NEW.reserved_cents, NEW.spent_cents) IS DISTINCT FROM (0::bigint, 0::bigint, 0::bigint))
    EXECUTE FUNCTION post_unstated();

-- What is in the books stays as it is.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is only ever added to';
END $$;
CREATE TRIGGER journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How far the books were added up and agreed with the budgets, so that nobody adds up years twice.
CREATE TABLE journal_sums (
    campaign_id     text        PRIMARY KEY,
    number          bigint      NOT NULL,
    funder_cents    bigint      NOT NULL,
    available_cents bigint      NOT NULL,
    reserved_cents  bigint      NOT NULL,
    spent_cents     bigint      NOT NULL,
    summed_at       timestamptz NOT NULL
);
