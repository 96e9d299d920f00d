-- Times are Unix milliseconds, money is nano-USD, lists and maps are JSON text, flags are 0 or 1.
-- The same tables in SQLite's words: ../sqlite. Migrations only ever go forward.

-- Facts about this database: `seal` proves that the secret key is the right one, `seeded` that
-- the first start has been.
CREATE TABLE meta (
    name  VARCHAR(191) NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

-- One row: how often something that gateways are told was written. A control plane that sees it rise
-- without having written rereads everything.
CREATE TABLE revision (
    number BIGINT NOT NULL
);
INSERT INTO revision (number) VALUES (0);

CREATE TABLE channels (
    id              BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: logs name it
    created_at      BIGINT NOT NULL,
    name            VARCHAR(191) NOT NULL,
    type            BIGINT NOT NULL,                   -- provider of the catalogue
    base_url        VARCHAR(512) NOT NULL,                   -- '': the provider's own
    key_sealed      BLOB NOT NULL,                   -- AES-256-GCM, bound to this row
    key_hint        VARCHAR(64) NOT NULL,                   -- last four characters
    models          MEDIUMTEXT NOT NULL,
    model_mapping   MEDIUMTEXT NOT NULL,
    configs         MEDIUMTEXT NOT NULL,
    sets            MEDIUMTEXT NOT NULL,
    priority        BIGINT NOT NULL,
    status          BIGINT NOT NULL,                   -- 1 enabled, 2 disabled
    skip_tls_verify BIGINT NOT NULL,
    used_amount     BIGINT NOT NULL DEFAULT 0,
    request_count   BIGINT NOT NULL DEFAULT 0,
    retry_count     BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE `groups` (
    id             VARCHAR(120) NOT NULL PRIMARY KEY,
    created_at     BIGINT NOT NULL,
    status         BIGINT NOT NULL,
    available_sets MEDIUMTEXT NOT NULL,
    used_amount    BIGINT NOT NULL DEFAULT 0,
    request_count  BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE tokens (
    id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,   -- never used twice: logs name it
    created_at    BIGINT NOT NULL,
    group_id      VARCHAR(120) NOT NULL,
    name          VARCHAR(120) NOT NULL,
    hash          VARBINARY(64) NOT NULL UNIQUE,              -- SHA-256 of what follows `sk-`
    hint          VARCHAR(64) NOT NULL,                     -- last four characters
    status        BIGINT NOT NULL,
    models        MEDIUMTEXT NOT NULL,
    subnets       MEDIUMTEXT NOT NULL,
    used_amount   BIGINT NOT NULL DEFAULT 0,
    request_count BIGINT NOT NULL DEFAULT 0,
    accessed_at   BIGINT,
    UNIQUE (group_id, name),
    FOREIGN KEY (group_id) REFERENCES `groups` (id)
);

CREATE TABLE model_configs (
    model       VARCHAR(512) NOT NULL PRIMARY KEY,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    owner       VARCHAR(191) NOT NULL,
    type        BIGINT NOT NULL,
    price       MEDIUMTEXT NOT NULL,
    retry_times BIGINT,
    config      MEDIUMTEXT NOT NULL
);

-- One row per request. It names channels and tokens by id without a foreign key: it outlives them.
CREATE TABLE logs (
    id                    BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    request_id            VARCHAR(512) NOT NULL UNIQUE,      -- what makes booking idempotent
    node                  VARCHAR(512) NOT NULL,
    request_at            BIGINT NOT NULL,
    created_at            BIGINT NOT NULL,
    duration_ms           BIGINT NOT NULL,
    ttfb_ms               BIGINT,
    token_id              BIGINT NOT NULL,
    token_name            VARCHAR(120) NOT NULL,
    group_id              VARCHAR(120) NOT NULL,
    model                 VARCHAR(512) NOT NULL,
    method                VARCHAR(512) NOT NULL,
    path                  VARCHAR(512) NOT NULL,
    dialect               VARCHAR(512) NOT NULL,
    stream                BIGINT NOT NULL,
    code                  BIGINT NOT NULL,
    outcome               VARCHAR(64) NOT NULL,
    content               MEDIUMTEXT NOT NULL,
    ip                    VARCHAR(512) NOT NULL,
    caller                VARCHAR(512) NOT NULL,             -- `user` in the API; reserved in SQL
    channel_id            BIGINT NOT NULL,
    attempts              MEDIUMTEXT NOT NULL,
    input_tokens          BIGINT NOT NULL,
    output_tokens         BIGINT NOT NULL,
    cached_tokens         BIGINT NOT NULL,
    cache_creation_tokens BIGINT NOT NULL,
    reasoning_tokens      BIGINT NOT NULL,
    usage_estimated       BIGINT NOT NULL,             -- 1: counted by the gateway, not told
    upstream_id           VARCHAR(512) NOT NULL,
    losses                MEDIUMTEXT NOT NULL,
    price                 MEDIUMTEXT, -- as it was then; NULL: there was none
    amount                BIGINT NOT NULL
);

-- The log list: newest first, or those of one owner, newest first.
CREATE INDEX logs_created_at ON logs (created_at);
CREATE INDEX logs_group ON logs (group_id, id);
CREATE INDEX logs_token ON logs (token_id, id);
CREATE INDEX logs_channel ON logs (channel_id, id);
CREATE INDEX logs_model ON logs (model, id);

-- Answers that gateways translated for callers of the Responses API, kept so that they can be shown
-- and continued by id. Each holds its own part of a conversation only; what came before it is found
-- through `previous`. A deleted one keeps its row, so that it is known to be gone, and the items for
-- as long as a response that continues it is there, or may yet come.
CREATE TABLE responses (
    id         VARCHAR(255) NOT NULL PRIMARY KEY,            -- `resp_tg…`, made at a gateway
    group_id   VARCHAR(120) NOT NULL,
    token_id   BIGINT NOT NULL,
    model      VARCHAR(512) NOT NULL,
    created_at BIGINT NOT NULL,
    previous   VARCHAR(255) NOT NULL,                        -- '': it continues none
    thread     VARCHAR(255) NOT NULL,                        -- id of the conversation's first
    deleted_at BIGINT NOT NULL DEFAULT 0,              -- 0: it is there
    bytes      BIGINT NOT NULL,                        -- of its items, both ways; 0: they are gone
    input      MEDIUMTEXT NOT NULL,                        -- its own items, a JSON array, verbatim
    output     MEDIUMTEXT NOT NULL,                        -- the items of the answer, likewise
    response   MEDIUMTEXT NOT NULL,                        -- the response object
    FOREIGN KEY (group_id) REFERENCES `groups` (id) ON DELETE CASCADE
);
CREATE INDEX responses_group ON responses (group_id);
CREATE INDEX responses_previous ON responses (previous);
CREATE INDEX responses_thread ON responses (thread, created_at);
CREATE INDEX responses_created_at ON responses (created_at);
CREATE INDEX responses_deleted_at ON responses (deleted_at);
