-- What changed in a store since a door last looked: for all that it has seen, `changed_by` is below its snapshot's xmin. Doors remember
-- what stores have (store/checkout/shelves.py). A release before this one writes rows without the column: the table notes it itself.
ALTER TABLE availability ADD COLUMN changed_by xid8 NOT NULL DEFAULT '0';
ALTER TABLE availability ALTER COLUMN changed_by SET DEFAULT pg_current_xact_id();
CREATE INDEX availability_changed_by ON availability (store_id, changed_by);

CREATE FUNCTION note_availability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_by := pg_current_xact_id();
    RETURN NEW;
END
$$;
CREATE TRIGGER availability_noted BEFORE UPDATE ON availability FOR EACH ROW
    WHEN (OLD.there IS DISTINCT FROM NEW.there) EXECUTE FUNCTION note_availability();
