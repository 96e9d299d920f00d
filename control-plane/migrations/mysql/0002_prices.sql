-- Prices of everything that providers charge for, and what is different for a group.
-- The same in SQLite's words: ../sqlite. Money and times as in 0001.

-- What calls use beside text tokens, and what their price depends on.
ALTER TABLE logs ADD COLUMN cache_creation_1h_tokens BIGINT NOT NULL DEFAULT 0; -- of cache_creation_tokens
ALTER TABLE logs ADD COLUMN image_input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN audio_input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN video_input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN image_output_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN audio_output_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN web_search_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN web_fetch_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN code_run_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN file_search_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN service_tier VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE logs ADD COLUMN resolution VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE logs ADD COLUMN native_resolution VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE logs ADD COLUMN quality VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE logs ADD COLUMN input_media BIGINT;                    -- NULL: nobody looked
ALTER TABLE logs ADD COLUMN input_video BIGINT;
ALTER TABLE logs ADD COLUMN output_audio BIGINT;

-- Fields of a model config that have no column of their own, as JSON.
ALTER TABLE model_configs ADD COLUMN settings MEDIUMTEXT NOT NULL DEFAULT ('{}');
-- What an import from the catalogue wrote here; what differs from it now, an administrator changed.
ALTER TABLE model_configs ADD COLUMN imported MEDIUMTEXT NOT NULL DEFAULT ('');

-- What a group pays of every price, in thousand-millionths.
ALTER TABLE `groups` ADD COLUMN price_multiplier BIGINT NOT NULL DEFAULT 1000000000;

-- What is different for one group.
CREATE TABLE group_model_configs (
    group_id   VARCHAR(120) NOT NULL,
    model      VARCHAR(512) NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    price      MEDIUMTEXT, -- NULL: the model's
    settings   MEDIUMTEXT NOT NULL,                        -- the other overrides, as JSON
    PRIMARY KEY (group_id, model),
    FOREIGN KEY (group_id) REFERENCES `groups` (id) ON DELETE CASCADE
);

-- Every change of a price, so that a call is booked at the one in force when it began.
CREATE TABLE price_history (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    changed_at BIGINT NOT NULL,
    changed_by VARCHAR(255) NOT NULL,
    group_id   VARCHAR(120) NOT NULL,                        -- '': for everybody
    model      VARCHAR(512) NOT NULL,                        -- '': the group's multiplier
    old        MEDIUMTEXT, -- as JSON; NULL: there was none
    new        MEDIUMTEXT
);
CREATE INDEX price_history_model ON price_history (model, changed_at);
CREATE INDEX price_history_group ON price_history (group_id, changed_at);
CREATE INDEX price_history_changed_at ON price_history (changed_at);
