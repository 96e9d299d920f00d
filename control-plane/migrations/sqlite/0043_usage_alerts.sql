-- Looking for groups that spend far more than they did.
INSERT INTO duties (name, done_at) VALUES ('usage_alerts', 0);
