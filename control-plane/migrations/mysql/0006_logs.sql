-- What log rows add up to, written in the transaction that writes them, by minute, hour and day.
-- The same tables in SQLite's words: ../sqlite.
--
-- `span` is the length of the time in milliseconds (60000, 3600000, 86400000) and `start_at` its
-- beginning, a multiple of it in Unix milliseconds. A row is counted at the time of its booking, so
-- that a time that is over never changes again.

-- Every attempt, by the channel that it was made at; a request without one counts for channel 0.
-- request_count - retry_count is the number of requests.
CREATE TABLE channel_summaries (
    span                         BIGINT NOT NULL,
    start_at                     BIGINT NOT NULL,
    channel_id                   BIGINT NOT NULL,
    model                        VARCHAR(512) NOT NULL,
    request_count                BIGINT NOT NULL,
    retry_count                  BIGINT NOT NULL,
    exception_count              BIGINT NOT NULL,
    status_2xx_count             BIGINT NOT NULL,
    status_4xx_count             BIGINT NOT NULL,
    status_5xx_count             BIGINT NOT NULL,
    status_other_count           BIGINT NOT NULL,
    status_400_count             BIGINT NOT NULL,
    status_429_count             BIGINT NOT NULL,
    status_500_count             BIGINT NOT NULL,
    cache_hit_count              BIGINT NOT NULL,
    cache_creation_count         BIGINT NOT NULL,
    input_tokens                 BIGINT NOT NULL,
    output_tokens                BIGINT NOT NULL,
    cached_tokens                BIGINT NOT NULL,
    cache_creation_tokens        BIGINT NOT NULL,
    reasoning_tokens             BIGINT NOT NULL,
    image_input_tokens           BIGINT NOT NULL,
    audio_input_tokens           BIGINT NOT NULL,
    video_input_tokens           BIGINT NOT NULL,
    image_output_tokens          BIGINT NOT NULL,
    audio_output_tokens          BIGINT NOT NULL,
    web_search_count             BIGINT NOT NULL,
    used_amount                  BIGINT NOT NULL,
    total_time_milliseconds      BIGINT NOT NULL,
    total_ttfb_milliseconds      BIGINT NOT NULL,
    PRIMARY KEY (span, start_at, channel_id, model)
);
CREATE INDEX channel_summaries_channel ON channel_summaries (span, channel_id, start_at);

-- How requests ended, by whose they were; a caller who was never known is group ''.
CREATE TABLE group_summaries (
    span                         BIGINT NOT NULL,
    start_at                     BIGINT NOT NULL,
    group_id                     VARCHAR(120) NOT NULL,
    token_name                   VARCHAR(120) NOT NULL,
    model                        VARCHAR(512) NOT NULL,
    request_count                BIGINT NOT NULL,
    retry_count                  BIGINT NOT NULL,
    exception_count              BIGINT NOT NULL,
    status_2xx_count             BIGINT NOT NULL,
    status_4xx_count             BIGINT NOT NULL,
    status_5xx_count             BIGINT NOT NULL,
    status_other_count           BIGINT NOT NULL,
    status_400_count             BIGINT NOT NULL,
    status_429_count             BIGINT NOT NULL,
    status_500_count             BIGINT NOT NULL,
    cache_hit_count              BIGINT NOT NULL,
    cache_creation_count         BIGINT NOT NULL,
    input_tokens                 BIGINT NOT NULL,
    output_tokens                BIGINT NOT NULL,
    cached_tokens                BIGINT NOT NULL,
    cache_creation_tokens        BIGINT NOT NULL,
    reasoning_tokens             BIGINT NOT NULL,
    image_input_tokens           BIGINT NOT NULL,
    audio_input_tokens           BIGINT NOT NULL,
    video_input_tokens           BIGINT NOT NULL,
    image_output_tokens          BIGINT NOT NULL,
    audio_output_tokens          BIGINT NOT NULL,
    web_search_count             BIGINT NOT NULL,
    used_amount                  BIGINT NOT NULL,
    total_time_milliseconds      BIGINT NOT NULL,
    total_ttfb_milliseconds      BIGINT NOT NULL,
    PRIMARY KEY (span, start_at, group_id, token_name, model)
);
CREATE INDEX group_summaries_group ON group_summaries (span, group_id, start_at);

-- Lists of log rows come in the order of their booking, whatever they are filtered by: each index
-- holds one filter and that order, so that a page is read and nothing is sorted. Filters that most
-- rows do not have are indexed for the others alone elsewhere; here all rows are in each index. What
-- failed is a column, for its index: the store asks for it in the place of `code <> 200`.
DROP INDEX logs_created_at ON logs;
DROP INDEX logs_group ON logs;
DROP INDEX logs_token ON logs;
DROP INDEX logs_channel ON logs;
DROP INDEX logs_model ON logs;
CREATE INDEX logs_created_at ON logs (created_at, id);
CREATE INDEX logs_group ON logs (group_id, created_at, id);
CREATE INDEX logs_group_token ON logs (group_id, token_name, created_at, id);
CREATE INDEX logs_group_model ON logs (group_id, model, created_at, id);
CREATE INDEX logs_token ON logs (token_id, created_at, id);
CREATE INDEX logs_token_name ON logs (token_name, created_at, id);
CREATE INDEX logs_channel ON logs (channel_id, created_at, id);
CREATE INDEX logs_model ON logs (model, created_at, id);
CREATE INDEX logs_ip ON logs (ip, created_at, id);
CREATE INDEX logs_caller ON logs (caller, created_at, id);
CREATE INDEX logs_upstream ON logs (upstream_id, created_at, id);
ALTER TABLE logs ADD COLUMN failed BIGINT GENERATED ALWAYS AS (CASE WHEN code = 200 THEN 0 ELSE 1 END) VIRTUAL;
CREATE INDEX logs_error ON logs (failed, created_at, id);
CREATE INDEX logs_error_code ON logs (code, created_at, id);

-- What a caller sent and got, of requests for which a setting wants that: shortened and without
-- secrets. It comes by itself, perhaps before its log row, and goes before it.
CREATE TABLE request_details (
    request_id              VARCHAR(512) NOT NULL PRIMARY KEY,
    group_id                VARCHAR(120) NOT NULL,
    created_at              BIGINT NOT NULL,
    request_body            MEDIUMTEXT NOT NULL,
    response_body           MEDIUMTEXT NOT NULL,
    request_body_truncated  BIGINT NOT NULL,
    response_body_truncated BIGINT NOT NULL
);
CREATE INDEX request_details_created_at ON request_details (created_at);
