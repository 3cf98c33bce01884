-- An erasure finds a person's deltas without reading all of them: with a million customers that took longer than a
-- statement may, so that no erasure would have ended. A hash, because it is asked for one value and smaller than the names.
CREATE INDEX facet_deltas_identifier ON facet_deltas USING hash (identifier);

-- Receipts are found by their keys, which the deltas name; only those of the form before 0002 name a person themselves.
CREATE INDEX receipts_identifier ON receipts (identifier) WHERE identifier IS NOT NULL;
