-- What is over is forgotten, piece by piece and oldest first: each of these tables is found in the order in which it may go.
ALTER TABLE receipts ADD COLUMN heard_on date NOT NULL DEFAULT current_date;  -- what was there before is as old as this migration
CREATE INDEX receipts_heard_on ON receipts (heard_on);
CREATE INDEX commands_over ON commands (needed_at) WHERE status IN ('rejected', 'closed', 'expired');
CREATE INDEX command_log_at ON command_log (at) WHERE position IS NOT NULL;
CREATE INDEX count_requests_asked_at ON count_requests (asked_at);
CREATE INDEX lane_rounds_closed_at ON lane_rounds (closed_at);
