-- A batch appends what it tells a facet; a folder works it into the facet's state later. The purchases in it stay for
-- as long as a return may ask for them. Ids are handed out a block at a time, so that a batch needs one call for all.
CREATE SEQUENCE facet_delta_blocks;
CREATE TABLE facet_deltas (
    delta_id   bigint PRIMARY KEY,
    identifier text   NOT NULL,
    written_on date   NOT NULL DEFAULT current_date,
    body       bytea  NOT NULL   -- domain/delta.py
);
CREATE INDEX facet_deltas_written_on ON facet_deltas USING brin (written_on);
ALTER TABLE facet_deltas ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE facet_deltas SET (toast_tuple_target = 8160);  -- in the row as long as it fits: it is written once, read once

-- A mark may name a delta that the state lacks; what is not `shown` raises no version.
ALTER TABLE dirty_customers
    ADD COLUMN delta_id bigint,
    ADD COLUMN shown    boolean NOT NULL DEFAULT true;
CREATE INDEX dirty_customers_customer_id ON dirty_customers (customer_id);

-- Receipts by a digest, pointing at their purchase. Carried over: receipts known so far keep theirs in their own row.
CREATE TABLE receipts_by_key (
    receipt_key uuid     PRIMARY KEY,  -- first half of the SHA-256 of the receipt's id
    delta_id    bigint,
    position    smallint,
    sold        boolean  NOT NULL,
    voided      boolean  NOT NULL DEFAULT false,
    written_on  date     NOT NULL DEFAULT current_date,
    identifier  text,
    purchase    bytea
);
INSERT INTO receipts_by_key (receipt_key, sold, voided, identifier, purchase)
SELECT encode(substring(sha256(convert_to(receipt_id, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid, sold, voided, identifier, purchase
FROM receipts;
DROP TABLE receipts;
ALTER TABLE receipts_by_key RENAME TO receipts;
CREATE INDEX receipts_written_on ON receipts USING brin (written_on);

-- The learner fills its own queue now: what is in line stays there, and it reads on where the worker has put baskets in
-- line. A basket that was voided meanwhile is not learned.
ALTER TABLE learning_queue ADD COLUMN receipt_key uuid;
INSERT INTO offsets (consumer_group, incarnation, topic, partition, next_offset, owner)
SELECT 'profile-learner', incarnation, topic, partition, next_offset, owner FROM offsets
WHERE consumer_group = 'profile' AND topic IN ('ingest.pos.v1', 'ingest.web.v1');

-- What changed in the catalogue since a reader last looked: `changed_by` is below its snapshot's xmin for all it has seen.
ALTER TABLE items ADD COLUMN changed_by xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX items_changed_by ON items (changed_by);
