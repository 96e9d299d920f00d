-- Leases that somebody else waits for, until their holder has said what it can give back. The holder may
-- be at another control plane than who waits.
ALTER TABLE leases ADD COLUMN wanted BIGINT NOT NULL DEFAULT 0;
CREATE INDEX leases_wanted ON leases (holder) WHERE wanted = 1;
