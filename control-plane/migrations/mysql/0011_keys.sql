-- Keys that seal what is secret in the database, each wrapped by one or more secret keys, so that a
-- control plane with any of these can open it. Which of them seals now is `data_key` in meta.
CREATE TABLE data_keys (
    id         BIGINT NOT NULL,
    master     VARCHAR(128) NOT NULL,                        -- id of the secret key that wraps it here
    wrapped    BLOB NOT NULL,
    made_for   VARCHAR(128) NOT NULL,                        -- id of the secret key with which it came
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id, master)
);

-- What tokens were before they were rotated, for as long as it still works.
CREATE TABLE token_overlaps (
    hash     VARBINARY(64) NOT NULL PRIMARY KEY,
    token_id BIGINT NOT NULL,
    ends_at  BIGINT NOT NULL,
    FOREIGN KEY (token_id) REFERENCES tokens (id) ON DELETE CASCADE
);
CREATE INDEX token_overlaps_token ON token_overlaps (token_id);
CREATE INDEX token_overlaps_ends_at ON token_overlaps (ends_at);

-- Addresses that nothing is done for.
CREATE TABLE ip_blacklist (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    address    VARCHAR(64) NOT NULL UNIQUE,                 -- a CIDR block, with no bits after its prefix
    reason     VARCHAR(2048) NOT NULL,
    expires_at BIGINT NOT NULL                         -- 0: never
);
CREATE INDEX ip_blacklist_expires_at ON ip_blacklist (expires_at);

-- What one of several control planes does at a time, and when it was done last.
CREATE TABLE duties (
    name    VARCHAR(191) NOT NULL PRIMARY KEY,
    done_at BIGINT NOT NULL
);
INSERT INTO duties (name, done_at) VALUES ('shared_addresses', 0);
