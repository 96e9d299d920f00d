-- How the last test of each model of a channel went.
CREATE TABLE channel_tests (
    channel_id   BIGINT NOT NULL,
    model        VARCHAR(512) NOT NULL,
    -- Unix milliseconds; `took` is milliseconds too.
    test_at      BIGINT NOT NULL,
    -- As the provider names it.
    actual_model VARCHAR(512) NOT NULL,
    -- The beginning of what came back, without keys.
    response     MEDIUMTEXT NOT NULL,
    took         BIGINT NOT NULL,
    success      BIGINT NOT NULL,
    -- The kind of request, by AI Proxy's number.
    mode         BIGINT NOT NULL,
    -- HTTP status; 0 without an answer.
    code         BIGINT NOT NULL,
    PRIMARY KEY (channel_id, model),
    FOREIGN KEY (channel_id) REFERENCES channels (id) ON DELETE CASCADE
);
