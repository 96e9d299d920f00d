-- Each balance service is told and asked by itself, so that none waits for another.
ALTER TABLE consumptions DROP INDEX consumptions_next_at, ADD INDEX consumptions_next_at (service_id, next_at, id);
ALTER TABLE accounts DROP INDEX accounts_service, ADD INDEX accounts_service (service_id, credit_at);
