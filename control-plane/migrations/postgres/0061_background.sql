-- Responses whose callers do not wait for them. The control plane that makes the call says again and
-- again that it is still there. A deleted one keeps its row, so that what comes late is not shown.
CREATE TABLE background_responses (
    id          TEXT NOT NULL PRIMARY KEY,             -- `resp_tg…`
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    owner       TEXT NOT NULL,                         -- the control plane that makes the call
    created_at  BIGINT NOT NULL,
    alive_until BIGINT NOT NULL,                       -- past it, the owner is gone
    ended_at    BIGINT NOT NULL DEFAULT 0,             -- 0: it is queued or in progress
    deleted_at  BIGINT NOT NULL DEFAULT 0,             -- 0: it is there
    response    TEXT NOT NULL                          -- the response object, as it is by now
);
CREATE INDEX background_responses_group ON background_responses (group_id, ended_at);
CREATE INDEX background_responses_ended_at ON background_responses (ended_at);
CREATE INDEX background_responses_created_at ON background_responses (created_at);
