-- Conversations that callers of OpenAI's Responses API keep by id.
CREATE TABLE conversations (
    id         TEXT   NOT NULL PRIMARY KEY,            -- `conv_tg…`
    group_id   TEXT   NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,                        -- when it was last changed
    metadata   TEXT   NOT NULL,                        -- a JSON object
    numbers    BIGINT NOT NULL DEFAULT 0,              -- how many items it has ever had
    bytes      BIGINT NOT NULL DEFAULT 0,              -- of the items that it has
    held_by    TEXT   NOT NULL DEFAULT '',             -- the response that will be added; '': none
    held_until BIGINT NOT NULL DEFAULT 0               -- then it is not waited for any more
);
CREATE INDEX conversations_group ON conversations (group_id);
CREATE INDEX conversations_used_at ON conversations (used_at);

CREATE TABLE conversation_items (
    conversation_id TEXT   NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number          BIGINT NOT NULL,                   -- from 0, in order
    id              TEXT   NOT NULL,
    source          TEXT   NOT NULL,                   -- the response that brought it; '': its owner did
    bytes           BIGINT NOT NULL,
    item            TEXT   NOT NULL,                   -- a JSON object, with its id
    PRIMARY KEY (conversation_id, number)
);
CREATE UNIQUE INDEX conversation_items_id ON conversation_items (conversation_id, id);
CREATE INDEX conversation_items_known ON conversation_items (id);
