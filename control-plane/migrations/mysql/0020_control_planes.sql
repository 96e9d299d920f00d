-- Control planes on this database, so that each knows among how many gateways limits are shared. The
-- beat rises as long as one is there.
CREATE TABLE control_planes (
    id       VARCHAR(128) NOT NULL PRIMARY KEY,
    beat     BIGINT NOT NULL,
    -- Names of the gateways that are connected to it, as a JSON list.
    gateways MEDIUMTEXT NOT NULL
);
