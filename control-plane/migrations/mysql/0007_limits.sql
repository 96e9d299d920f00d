-- How much may be asked for: requests and tokens per minute, requests under way at the same time;
-- 0 is without limit. Ratios are millionths.
ALTER TABLE tokens ADD COLUMN rpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN tpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN max_concurrency BIGINT NOT NULL DEFAULT 0;

-- Of what each group asks of the model.
ALTER TABLE model_configs ADD COLUMN rpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE model_configs ADD COLUMN tpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE model_configs ADD COLUMN max_concurrency BIGINT NOT NULL DEFAULT 0;

-- What models' limits are multiplied with for the group, and the limits of each of its end users.
ALTER TABLE `groups` ADD COLUMN rpm_ratio BIGINT NOT NULL DEFAULT 1000000;
ALTER TABLE `groups` ADD COLUMN tpm_ratio BIGINT NOT NULL DEFAULT 1000000;
ALTER TABLE `groups` ADD COLUMN user_rpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `groups` ADD COLUMN user_tpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `groups` ADD COLUMN user_max_concurrency BIGINT NOT NULL DEFAULT 0;
