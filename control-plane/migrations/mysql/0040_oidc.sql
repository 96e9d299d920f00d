-- Sign-ins at an OpenID provider that came back, so that none does so twice. A row is kept for longer
-- than the cookie is taken that belongs to it.
CREATE TABLE oidc_logins (
    state      VARBINARY(64) NOT NULL PRIMARY KEY,     -- SHA-256
    expires_at BIGINT NOT NULL,
    identity   MEDIUMTEXT NOT NULL                     -- who came back; '': not known yet, or used
);
CREATE INDEX oidc_logins_expires_at ON oidc_logins (expires_at);
