-- Depots: places that supply stores and are supplied themselves. A pod of the release before takes them for stores that sell nothing.
ALTER TABLE stores ADD COLUMN kind text NOT NULL DEFAULT 'store';
CREATE INDEX stores_depots ON stores (store_id) WHERE kind = 'depot';
ALTER TABLE lanes ADD COLUMN depot_id text COLLATE "C";  -- where a lane begins, when that is one of them
