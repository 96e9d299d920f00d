-- The parts of used_amount, which add up to it. Of what was booked before, and of what the version
-- before books while it still runs, they are not known.
ALTER TABLE channel_summaries
    ADD COLUMN per_request_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN audio_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN video_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN cached_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN cache_creation_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN audio_output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN reasoning_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN web_search_amount BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_summaries
    ADD COLUMN per_request_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN audio_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN video_input_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN cached_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN cache_creation_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN audio_output_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN reasoning_amount BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN web_search_amount BIGINT NOT NULL DEFAULT 0;
