-- When the door accepted the basket: a clock that is ahead does not take it past an erasure. None: not told, or queued before this.
ALTER TABLE learning_queue ADD COLUMN accepted_at timestamptz;
