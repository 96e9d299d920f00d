-- Networks from which users have signed in: guesses from elsewhere do not keep them out there. One
-- that was not used for 90 days is forgotten.
CREATE TABLE user_networks (
    user_id BIGINT      NOT NULL,
    network VARCHAR(64) NOT NULL,                      -- an IPv4 address, or 64 bits of an IPv6 address
    last_at BIGINT      NOT NULL,
    PRIMARY KEY (user_id, network),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX user_networks_last_at ON user_networks (last_at);
