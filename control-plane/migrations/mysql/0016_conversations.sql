-- Conversations that callers of OpenAI's Responses API keep by id.
CREATE TABLE conversations (
    id         VARCHAR(255) NOT NULL PRIMARY KEY,      -- `conv_tg…`
    group_id   VARCHAR(120) NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,                        -- when it was last changed
    metadata   MEDIUMTEXT NOT NULL,                    -- a JSON object
    numbers    BIGINT NOT NULL DEFAULT 0,              -- how many items it has ever had
    bytes      BIGINT NOT NULL DEFAULT 0,              -- of the items that it has
    held_by    VARCHAR(255) NOT NULL DEFAULT '',       -- the response that will be added; '': none
    held_until BIGINT NOT NULL DEFAULT 0,              -- then it is not waited for any more
    FOREIGN KEY (group_id) REFERENCES `groups` (id) ON DELETE CASCADE
);
CREATE INDEX conversations_group ON conversations (group_id);
CREATE INDEX conversations_used_at ON conversations (used_at);

CREATE TABLE conversation_items (
    conversation_id VARCHAR(255) NOT NULL,
    number          BIGINT NOT NULL,                   -- from 0, in order
    id              VARCHAR(255) NOT NULL,
    source          VARCHAR(255) NOT NULL,             -- the response that brought it; '': its owner did
    bytes           BIGINT NOT NULL,
    item            MEDIUMTEXT NOT NULL,               -- a JSON object, with its id
    PRIMARY KEY (conversation_id, number),
    FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX conversation_items_id ON conversation_items (conversation_id, id);
CREATE INDEX conversation_items_known ON conversation_items (id);
