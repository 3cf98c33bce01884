-- What was promised for a moment farther off than anybody waits (the last day of some calendar) was promised for no moment; releases
-- before kept it, and a review cannot count days beyond the year 9999.
UPDATE commands SET expected_at = NULL
WHERE status NOT IN ('rejected', 'closed', 'expired')
  AND (expected_at > decided_at + interval '400 days' OR expected_at < decided_at - interval '400 days');
