-- Settings that are changed while everything runs. A key that is not here has its default.
CREATE TABLE options (
    name       VARCHAR(191) NOT NULL PRIMARY KEY,
    value      MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
