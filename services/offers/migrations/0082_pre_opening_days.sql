-- On which days a store is closed: validity may be told in opening days.
ALTER TABLE stores ADD COLUMN closed_weekdays smallint[] NOT NULL DEFAULT '{}';
ALTER TABLE stores ADD COLUMN closed_on date[] NOT NULL DEFAULT '{}';
