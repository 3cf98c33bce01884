-- What was asked under a checkout's id, as a digest. Null: asked of a release before, or of a customer who was forgotten.
ALTER TABLE decisions ADD COLUMN asked bytea;
