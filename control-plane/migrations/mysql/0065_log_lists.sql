-- Filters of the log list that come together. Each index holds its filter, the order of the list and
-- then what other filters look at: an entry that another filter leaves out is passed over without
-- reading its row, so that a list that has little to show does not read the whole table to find that
-- out. A key has 3072 bytes here, for which a model is too long where an address or a caller is
-- first. How wide a tail is was measured (`make bench-lists`), and that booking pays for it little.
ALTER TABLE logs DROP INDEX logs_created_at, ADD INDEX logs_created_at (created_at, id, code);
ALTER TABLE logs DROP INDEX logs_group, ADD INDEX logs_group (group_id, created_at, id, code, channel_id);
ALTER TABLE logs DROP INDEX logs_group_token, ADD INDEX logs_group_token (group_id, token_name, created_at, id, code, channel_id, model);
ALTER TABLE logs DROP INDEX logs_group_model, ADD INDEX logs_group_model (group_id, model, created_at, id, code, channel_id);
ALTER TABLE logs DROP INDEX logs_token, ADD INDEX logs_token (token_id, created_at, id, code, channel_id, token_name, group_id, model);
ALTER TABLE logs DROP INDEX logs_token_name, ADD INDEX logs_token_name (token_name, created_at, id, code, channel_id, model);
ALTER TABLE logs DROP INDEX logs_channel, ADD INDEX logs_channel (channel_id, created_at, id, code, model);
ALTER TABLE logs DROP INDEX logs_model, ADD INDEX logs_model (model, created_at, id, code, channel_id);
ALTER TABLE logs DROP INDEX logs_ip, ADD INDEX logs_ip (ip, created_at, id, code, channel_id, token_id, token_name, group_id);
ALTER TABLE logs DROP INDEX logs_caller, ADD INDEX logs_caller (caller, created_at, id, code, channel_id, token_id, token_name, group_id);
ALTER TABLE logs DROP INDEX logs_error, ADD INDEX logs_error (failed, created_at, id, code, channel_id, token_id, token_name, group_id, model);
ALTER TABLE logs DROP INDEX logs_error_code, ADD INDEX logs_error_code (code, created_at, id, channel_id, token_id, token_name, group_id, model);
