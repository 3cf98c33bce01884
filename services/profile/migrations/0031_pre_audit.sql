-- Who looked at whom: written with the look itself, in one transaction, and never changed.
-- Each key's looks are a chain: a row's hash is over the one before it, so that none can be changed or taken out unseen.
CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id      text        NOT NULL,
    sequence    bigint      NOT NULL,      -- within the key, from 1
    viewed_at   timestamptz NOT NULL,
    roles       text        NOT NULL,
    action      text        NOT NULL,
    customer_id text,                      -- none: a search
    request_id  text        NOT NULL,
    hash        bytea       NOT NULL,
    UNIQUE (key_id, sequence)
);
CREATE INDEX audit_customer ON audit (customer_id, id);

CREATE FUNCTION audit_hash(before bytea, seen audit) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(coalesce(before, ''::bytea) || convert_to(jsonb_build_array(
        seen.key_id, seen.sequence, extract(epoch FROM seen.viewed_at), seen.roles, seen.action, seen.customer_id,
        seen.request_id)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    newest record;
BEGIN
    -- One at a time for each key: what is read after the lock holds what the one before has committed.
    PERFORM pg_advisory_xact_lock(hashtext('profile.audit'), hashtext(NEW.key_id));
    SELECT sequence, hash INTO newest FROM audit WHERE key_id = NEW.key_id ORDER BY sequence DESC LIMIT 1;
    NEW.sequence := coalesce(newest.sequence, 0) + 1;
    NEW.hash := audit_hash(newest.hash, NEW);
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_chained BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is never changed';
END
$$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_for_ever();
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM PUBLIC, CURRENT_USER;

-- Finding customers by the beginning of their id, whatever the collation of the database.
CREATE INDEX customers_prefix ON customers (customer_id text_pattern_ops);

-- Whose return waits for its sale, as far as the till said.
ALTER TABLE parked ADD COLUMN identifier text;
CREATE INDEX parked_identifier ON parked (identifier) WHERE identifier IS NOT NULL;
