-- The bytes of quarantined events are sealed; the columns name the keys. NULL: kept before that, as they came.
ALTER TABLE quarantine
    ADD COLUMN sealed_under        text,
    ADD COLUMN mended_sealed_under text,
    ADD COLUMN sent_at             timestamptz;  -- what the sender's clock said as it sent, where its door asks for that
