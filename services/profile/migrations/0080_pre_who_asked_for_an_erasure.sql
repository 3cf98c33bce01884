-- With which key an erasure was asked for, and in which roles (names with commas between). None: it came from the topic, or
-- before this was noted.
ALTER TABLE erasures
    ADD COLUMN requested_by    text,
    ADD COLUMN requested_roles text;
