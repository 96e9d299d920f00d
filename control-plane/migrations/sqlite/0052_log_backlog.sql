-- What a body weighs while it waits here for the log database; 0: it does not.
ALTER TABLE request_details ADD COLUMN waiting_bytes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX request_details_waiting ON request_details (created_at, waiting_bytes) WHERE waiting_bytes > 0;

-- What is counted over all control planes and restarts.
CREATE TABLE counts (
    name   TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO counts (name, number) VALUES ('lost_bodies', 0);
