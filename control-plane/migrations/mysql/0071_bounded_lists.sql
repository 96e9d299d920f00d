-- Lists that grow for ever are listed in the order of their time, as the log is (0065): each index holds
-- a filter, that order and what other filters look at: a key has 3072 bytes here.
ALTER TABLE audit_logs DROP INDEX audit_logs_created_at, ADD INDEX audit_logs_created_at (created_at, id, method, code);
ALTER TABLE audit_logs DROP INDEX audit_logs_user, ADD INDEX audit_logs_user (user_id, created_at, id, method, code, route, ip);
ALTER TABLE audit_logs DROP INDEX audit_logs_actor, ADD INDEX audit_logs_actor (actor, created_at, id, method, code, user_id, ip);
ALTER TABLE audit_logs DROP INDEX audit_logs_route, ADD INDEX audit_logs_route (route, created_at, id, method, code, user_id, actor);
ALTER TABLE audit_logs DROP INDEX audit_logs_ip, ADD INDEX audit_logs_ip (ip, created_at, id, method, code, user_id, actor);
CREATE INDEX audit_logs_method ON audit_logs (method, created_at, id, code, user_id, route);
CREATE INDEX audit_logs_code ON audit_logs (code, created_at, id, method, user_id, route);

-- Transactions of a wallet in a time, and of a kind in it.
ALTER TABLE postings DROP INDEX postings_account_time, ADD INDEX postings_account_time (account_id, created_at, id, kind);
