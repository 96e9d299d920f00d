-- Settings that are changed while everything runs. A key that is not here has its default.
CREATE TABLE options (
    name       TEXT   NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
