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

-- SQLite does not know which filter leaves the fewest rows unless it is told, and takes a guess that
-- reads hundreds of thousands. These are the rows of a large log, the same everywhere, so that its plans
-- are too: how many there are, and how many for each value of an index's first columns
-- (https://www.sqlite.org/fileformat2.html#stat1tab).
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1 WHERE tbl = 'logs';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('logs', 'logs_created_at', '1000000 10 1 1'),
    ('logs', 'logs_group', '1000000 20000 2 1 1 1'),
    ('logs', 'logs_group_token', '1000000 20000 1000 2 1 1 1 1'),
    ('logs', 'logs_group_model', '1000000 20000 2000 2 1 1 1'),
    ('logs', 'logs_token', '1000000 500 2 1 1 1 1 1 1'),
    ('logs', 'logs_token_name', '1000000 1000 2 1 1 1 1'),
    ('logs', 'logs_channel', '1000000 100000 3 1 1 1'),
    ('logs', 'logs_model', '1000000 50000 2 1 1 1'),
    ('logs', 'logs_ip', '1000000 200 1 1 1 1 1 1 1 1'),
    ('logs', 'logs_caller', '1000000 150 1 1 1 1 1 1 1 1 1'),
    ('logs', 'logs_error', '50000 2 1 1 1 1 1 1 1'),
    ('logs', 'logs_error_code', '50000 10000 2 1 1 1 1 1 1'),
    ('logs', 'logs_upstream', '1000000 1 1'),
    ('logs', 'sqlite_autoindex_logs_1', '1000000 1');
