-- Of what a store has, what will probably end unsold within days; told to offers with the availability.
ALTER TABLE availability
    ADD COLUMN surplus_milli bigint NOT NULL DEFAULT 0,
    ADD COLUMN surplus_until date;
