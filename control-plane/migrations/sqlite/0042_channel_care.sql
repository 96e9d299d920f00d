-- What is watched of a channel. Rates are millionths; 0 is the option's for warnings, and never for
-- bans. Amounts are billionths of whatever currency the provider counts in.
ALTER TABLE channels ADD COLUMN warn_error_rate BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN max_error_rate BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN no_permission_ban BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN auto_balance_check BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN balance_threshold BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN balance BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN balance_currency TEXT   NOT NULL DEFAULT '';
ALTER TABLE channels ADD COLUMN balance_updated_at BIGINT NOT NULL DEFAULT 0;

-- Models that a channel is not asked for while another can serve them.
CREATE TABLE channel_bans (
    channel_id BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    model      TEXT NOT NULL,
    banned_at  BIGINT NOT NULL,                        -- Unix milliseconds
    until_at   BIGINT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (channel_id, model)
);

-- Errors until then do not count any more: of a model ('': of all) of a channel (0: of all).
CREATE TABLE channel_clears (
    channel_id BIGINT NOT NULL,
    model      TEXT NOT NULL,
    cleared_at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, model)
);

INSERT INTO duties (name, done_at) VALUES ('banned_channels', 0);
INSERT INTO duties (name, done_at) VALUES ('channel_balances', 0);
