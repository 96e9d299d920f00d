-- A report by hours and models groups what it reads in the order of an index, without sorting it. The
-- old ones go last: until then lists are read by them.

CREATE INDEX channel_summaries_channel_model ON channel_summaries (span, channel_id, start_at, model);
CREATE INDEX group_summaries_group_model ON group_summaries (span, group_id, start_at, model);
DROP INDEX channel_summaries_channel;
DROP INDEX group_summaries_group;
