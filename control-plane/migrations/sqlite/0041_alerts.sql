-- What operators were told, and how far that has come. A row is also the order to deliver it.
CREATE TABLE alerts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  BIGINT NOT NULL,                       -- Unix milliseconds, as all times here
    level       BIGINT NOT NULL,                       -- 1 info, 2 warning, 3 error
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,                       -- whom it is about: a group, a channel, an address
    title       TEXT NOT NULL,
    text        TEXT NOT NULL,
    -- 0 not wanted, 1 waiting, 2 delivered, 3 given up
    feishu      BIGINT NOT NULL,
    webhook     BIGINT NOT NULL,
    tries       BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT NOT NULL                        -- 0: nothing is left to do
);
CREATE INDEX alerts_created_at ON alerts (created_at, id);
CREATE INDEX alerts_next_try_at ON alerts (next_try_at) WHERE next_try_at > 0;

-- When a subject was last told of, so that none is told of too often, whichever control plane does it.
CREATE TABLE alert_marks (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
);

INSERT INTO duties (name, done_at) VALUES ('low_balances', 0);
