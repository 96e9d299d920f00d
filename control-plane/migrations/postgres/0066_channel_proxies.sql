-- The proxy through which a channel's provider is reached, as it is shown; its credentials, if it has
-- any, are sealed as keys are.
ALTER TABLE channels ADD COLUMN proxy_url TEXT NOT NULL DEFAULT '';
ALTER TABLE channels ADD COLUMN proxy_sealed BYTEA NOT NULL DEFAULT '';
