-- A decision's event says what else could have been offered: three kilobytes. Above two PostgreSQL packs a row, and may put it aside,
-- which takes as long as all the rest of the row. In the outbox it stays for a moment only: it is left as it is.
ALTER TABLE outbox SET (toast_tuple_target = 8160);
