-- Attempts that did not end well by their caller's doing: they say nothing of the channel. Of what
-- was booked before, it is not known.
ALTER TABLE channel_summaries ADD COLUMN caller_error_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_summaries ADD COLUMN caller_error_count BIGINT NOT NULL DEFAULT 0;
