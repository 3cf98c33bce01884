-- What promotions known ahead sell more, beside what vouchers do; empty for plans that a review or a release before made.
ALTER TABLE plans ADD COLUMN promotion_units float8[] NOT NULL DEFAULT '{}';
