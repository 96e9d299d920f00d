-- Filters of the log list that come together. Each index holds its filter, the order of the list and
-- then what other filters look at: an entry that another filter leaves out is passed over without
-- reading its row, so that a list that has little to show does not read the whole table to find that
-- out. How wide a tail is was measured (`make bench-lists`), and that booking pays for it little.
DROP INDEX logs_created_at;
DROP INDEX logs_group;
DROP INDEX logs_group_token;
DROP INDEX logs_group_model;
DROP INDEX logs_token;
DROP INDEX logs_token_name;
DROP INDEX logs_channel;
DROP INDEX logs_model;
DROP INDEX logs_ip;
DROP INDEX logs_caller;
DROP INDEX logs_error;
DROP INDEX logs_error_code;
CREATE INDEX logs_created_at ON logs (created_at, id, code);
CREATE INDEX logs_group ON logs (group_id, created_at, id, code, channel_id);
CREATE INDEX logs_group_token ON logs (group_id, token_name, created_at, id, code, channel_id, model);
CREATE INDEX logs_group_model ON logs (group_id, model, created_at, id, code, channel_id);
CREATE INDEX logs_token ON logs (token_id, created_at, id, code, channel_id, token_name, group_id, model);
CREATE INDEX logs_token_name ON logs (token_name, created_at, id, code, channel_id, model);
CREATE INDEX logs_channel ON logs (channel_id, created_at, id, code, model);
CREATE INDEX logs_model ON logs (model, created_at, id, code, channel_id);
CREATE INDEX logs_ip ON logs (ip, created_at, id, code, channel_id, token_id, token_name, group_id, model) WHERE ip <> '';
CREATE INDEX logs_caller ON logs (caller, created_at, id, code, channel_id, token_id, token_name, group_id, model, ip) WHERE caller <> '';
CREATE INDEX logs_error ON logs (created_at, id, code, channel_id, token_id, token_name, group_id, model) WHERE code <> 200;
CREATE INDEX logs_error_code ON logs (code, created_at, id, channel_id, token_id, token_name, group_id, model) WHERE code <> 200;
