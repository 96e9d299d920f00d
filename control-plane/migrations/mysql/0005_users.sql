-- People who sign in, their sessions, what guards against guessing, and who changed what.

CREATE TABLE users (
    id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: audit_logs names it
    created_at    BIGINT NOT NULL,
    username      VARCHAR(120) NOT NULL UNIQUE,              -- lower case
    email         VARCHAR(255) NOT NULL,                     -- '': not told
    password_hash VARCHAR(512) NOT NULL,                     -- argon2id, a PHC string; '': none, signs in elsewhere
    role          VARCHAR(32) NOT NULL,                     -- administrator, user, read_only
    status        BIGINT NOT NULL,                     -- 1 enabled, 2 disabled
    group_id      VARCHAR(120) NOT NULL UNIQUE,
    last_login_at BIGINT,
    token_version BIGINT NOT NULL DEFAULT 0,           -- rises to end all sessions at once
    FOREIGN KEY (group_id) REFERENCES `groups` (id)
);

-- Who somebody is at an OpenID provider.
CREATE TABLE user_identities (
    issuer     VARCHAR(255) NOT NULL,
    subject    VARCHAR(255) NOT NULL,
    user_id    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX user_identities_user ON user_identities (user_id);

-- One row per sign-in. Its refresh token changes with every use; one that is not this one was used
-- before, or never given out.
CREATE TABLE sessions (
    id           VARCHAR(128) NOT NULL PRIMARY KEY,          -- random; access tokens name it
    user_id      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    refreshed_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    refresh_hash VARBINARY(64) NOT NULL,                      -- SHA-256
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Attempts at passwords that have not succeeded, by who they were for and where they came from.
CREATE TABLE login_attempts (
    scope        VARCHAR(512) NOT NULL PRIMARY KEY,
    failures     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
CREATE INDEX login_attempts_last_at ON login_attempts (last_at);

-- One row per change that somebody asked for. It outlives users and what they changed.
CREATE TABLE audit_logs (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    user_id    BIGINT NOT NULL,                        -- 0: with the admin key
    actor      VARCHAR(255) NOT NULL,                        -- the user's name then, or `admin key`
    ip         VARCHAR(255) NOT NULL,
    method     VARCHAR(64) NOT NULL,
    route      VARCHAR(255) NOT NULL,                        -- `/api/channel/{id}`
    path       MEDIUMTEXT NOT NULL,                        -- as it was called
    targets    MEDIUMTEXT NOT NULL,                        -- what the path named, as an object
    fields     MEDIUMTEXT NOT NULL,                        -- what the body said, secrets left out
    code       BIGINT NOT NULL                         -- HTTP status of the answer; 0: not known to have ended
);
CREATE INDEX audit_logs_created_at ON audit_logs (created_at);
CREATE INDEX audit_logs_user ON audit_logs (user_id, id);
CREATE INDEX audit_logs_actor ON audit_logs (actor, id);
CREATE INDEX audit_logs_route ON audit_logs (route, id);
CREATE INDEX audit_logs_ip ON audit_logs (ip, id);
