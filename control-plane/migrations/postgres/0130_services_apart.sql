-- Each balance service is told and asked by itself, so that none waits for another.
DROP INDEX consumptions_next_at;
CREATE INDEX consumptions_next_at ON consumptions (service_id, next_at, id);
DROP INDEX accounts_service;
CREATE INDEX accounts_service ON accounts (service_id, credit_at) WHERE service_id <> 0 AND closed_at = 0;
