-- Price changes, redemption codes and alerts are listed in the order of their time, as the log is (0065): each
-- index holds a filter and that order.
ALTER TABLE price_history DROP INDEX price_history_model, ADD INDEX price_history_model (model, changed_at, id);
ALTER TABLE price_history DROP INDEX price_history_group, ADD INDEX price_history_group (group_id, changed_at, id);
ALTER TABLE price_history DROP INDEX price_history_changed_at, ADD INDEX price_history_changed_at (changed_at, id);
CREATE INDEX price_history_changed_by ON price_history (changed_by, changed_at, id);
ALTER TABLE redemption_codes DROP INDEX redemption_codes_batch, ADD INDEX redemption_codes_batch (batch, created_at, id, status);
CREATE INDEX redemption_codes_created_at ON redemption_codes (created_at, id);
CREATE INDEX redemption_codes_status ON redemption_codes (status, created_at, id, batch);
CREATE INDEX alerts_level ON alerts (level, created_at, id, kind);
CREATE INDEX alerts_kind ON alerts (kind, created_at, id, level);
CREATE INDEX alerts_subject ON alerts (subject, created_at, id, kind, level);
