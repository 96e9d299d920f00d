-- Addresses that were taken off the black-list: what they did until then does not put them back on it.
CREATE TABLE ip_pardons (
    address     VARCHAR(64) NOT NULL PRIMARY KEY,
    pardoned_at BIGINT NOT NULL
);
