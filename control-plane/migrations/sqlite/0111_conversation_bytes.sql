-- What the conversations of a group have in all is looked up with each addition.
CREATE INDEX conversations_group_bytes ON conversations (group_id, bytes);
