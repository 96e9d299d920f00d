-- Log rows on their way to a database of their own. What is there already stays as a mark for a while:
-- a call that is sent again is recognised by it.
CREATE TABLE log_outbox (
    request_id VARCHAR(512) NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    waits      BIGINT NOT NULL, -- 1: not in the log database yet
    log        MEDIUMTEXT NOT NULL      -- the row as JSON; '': it is there
);
CREATE INDEX log_outbox_waits ON log_outbox (waits, created_at, request_id);
INSERT INTO duties (name, done_at) VALUES ('log_outbox', 0);
