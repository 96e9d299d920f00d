-- Lists that grow for ever are listed in the order of their time, as the log is (0065): each index holds
-- a filter, that order and what other filters look at.
DROP INDEX audit_logs_created_at;
DROP INDEX audit_logs_user;
DROP INDEX audit_logs_actor;
DROP INDEX audit_logs_route;
DROP INDEX audit_logs_ip;
CREATE INDEX audit_logs_created_at ON audit_logs (created_at, id, method, code);
CREATE INDEX audit_logs_user ON audit_logs (user_id, created_at, id, method, code, route, ip);
CREATE INDEX audit_logs_actor ON audit_logs (actor, created_at, id, method, code, user_id, ip, route);
CREATE INDEX audit_logs_route ON audit_logs (route, created_at, id, method, code, user_id, actor, ip);
CREATE INDEX audit_logs_ip ON audit_logs (ip, created_at, id, method, code, user_id, actor, route);
CREATE INDEX audit_logs_method ON audit_logs (method, created_at, id, code, user_id, route);
CREATE INDEX audit_logs_code ON audit_logs (code, created_at, id, method, user_id, route);

-- Transactions of a wallet in a time, and of a kind in it.
DROP INDEX postings_account_time;
CREATE INDEX postings_account_time ON postings (account_id, created_at, id, kind);
