-- Price changes, redemption codes and alerts are listed in the order of their time, as the log is (0065): each
-- index holds a filter and that order.
DROP INDEX price_history_model;
CREATE INDEX price_history_model ON price_history (model, changed_at, id);
DROP INDEX price_history_group;
CREATE INDEX price_history_group ON price_history (group_id, changed_at, id);
DROP INDEX price_history_changed_at;
CREATE INDEX price_history_changed_at ON price_history (changed_at, id);
CREATE INDEX price_history_changed_by ON price_history (changed_by, changed_at, id);
DROP INDEX redemption_codes_batch;
CREATE INDEX redemption_codes_batch ON redemption_codes (batch, created_at, id, status);
CREATE INDEX redemption_codes_created_at ON redemption_codes (created_at, id);
CREATE INDEX redemption_codes_status ON redemption_codes (status, created_at, id, batch);
CREATE INDEX alerts_level ON alerts (level, created_at, id, kind);
CREATE INDEX alerts_kind ON alerts (kind, created_at, id, level);
CREATE INDEX alerts_subject ON alerts (subject, created_at, id, kind, level);
