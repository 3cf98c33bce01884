-- What a checkout needs of a ranking state, worked out when the state comes (libs/ranking/sketch.py). A release before this one
-- writes the state and leaves the sketch alone: one that is not of the row's version is not read.
ALTER TABLE customers
    ADD COLUMN sketch           bytea,
    ADD COLUMN sketched_version bigint,
    ALTER COLUMN sketch SET STORAGE MAIN;  -- read at every checkout: beside the row, not behind it
