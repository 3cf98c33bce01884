-- What was asked under an id, as a digest: the same id with another question is told so. Null: asked of a release before.
ALTER TABLE redemptions ADD COLUMN asked bytea;
ALTER TABLE holds ADD COLUMN asked bytea;
