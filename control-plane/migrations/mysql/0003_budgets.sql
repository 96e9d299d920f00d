-- What tokens may spend, in all and in each window; 0: without limit.
ALTER TABLE tokens ADD COLUMN quota BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN period_quota BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN period_type VARCHAR(16) NOT NULL DEFAULT 'monthly'; -- daily, weekly, monthly
ALTER TABLE tokens ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;        -- 0: never

-- What tokens spent on each day, by the start of the request. Every window is made of days.
CREATE TABLE token_days (
    token_id BIGINT NOT NULL,
    day      BIGINT NOT NULL,                          -- 20260131, in the time zone at booking
    amount   BIGINT NOT NULL,
    PRIMARY KEY (token_id, day)
);
CREATE INDEX token_days_day ON token_days (day);

-- What of a budget gateways hold: granted − returned − drawn. Written before it is told, so that a
-- restart grants nothing twice.
CREATE TABLE leases (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: usage names it
    budget     VARCHAR(128) NOT NULL,                        -- q<token>, p<token>, g<group>
    begins     BIGINT NOT NULL,                        -- first day of the window; 0: there is none
    holder     VARCHAR(512) NOT NULL,                        -- one process of a gateway
    granted    BIGINT NOT NULL,
    returned   BIGINT NOT NULL,
    drawn      BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,                        -- by a grant or by usage
    seen_at    BIGINT NOT NULL,                        -- when its holder was last connected
    UNIQUE (budget, begins, holder)
);
CREATE INDEX leases_holder ON leases (holder);
