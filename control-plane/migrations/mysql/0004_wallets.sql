-- Wallets: a ledger with double entry. Money is nano-USD, times are Unix milliseconds.
-- The same tables in SQLite's words: ../sqlite.

-- A place where money is. The balance of each is the sum of its postings. Wallets have positive ids;
-- the other sides of what happens to them are these four, so that all balances together are zero.
CREATE TABLE accounts (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: postings name it
    kind       BIGINT NOT NULL,                   -- 1 wallet, 2 recharges, 3 usage, 4 gifts, 5 adjustments
    group_id   VARCHAR(120) NOT NULL,                   -- a wallet's owner; no foreign key, because it outlives a group
    service_id BIGINT NOT NULL DEFAULT 0,         -- not 0: this service keeps the group's money
    created_at BIGINT NOT NULL,
    closed_at  BIGINT NOT NULL DEFAULT 0,         -- 0: open
    balance    BIGINT NOT NULL DEFAULT 0,
    credit     BIGINT NOT NULL DEFAULT 0,         -- what may be spent is balance + credit; see Store::credit
    credit_at  BIGINT NOT NULL DEFAULT 0,         -- when the service was last heard
    UNIQUE (kind, group_id, closed_at)
);
CREATE INDEX accounts_service ON accounts (credit_at);
INSERT INTO accounts (id, kind, group_id, created_at)
VALUES (-1, 2, '', 0), (-2, 3, '', 0), (-3, 4, '', 0), (-4, 5, '', 0);

-- Why money moved. A key is used once, so that nothing is done twice.
CREATE TABLE transactions (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    kind       BIGINT NOT NULL,                   -- 1 recharge, 2 usage, 3 deduction, 4 refund, 5 redemption, 6 adjustment
    idempotency_key VARCHAR(640) NOT NULL UNIQUE,
    calls      BIGINT NOT NULL DEFAULT 0,         -- of usage: how many calls it is for
    reference  VARCHAR(512) NOT NULL DEFAULT '',        -- of a refund: the request; of a redemption: the code's id
    note       MEDIUMTEXT NOT NULL DEFAULT (''),
    actor      VARCHAR(255) NOT NULL DEFAULT ''         -- who asked for it; '': the gateway
);
CREATE INDEX transactions_reference ON transactions (reference);

-- How it moved. The postings of a transaction add up to zero.
CREATE TABLE postings (
    id             BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    transaction_id BIGINT NOT NULL,
    account_id     BIGINT NOT NULL,
    kind           BIGINT NOT NULL,               -- its transaction's, for the index
    created_at     BIGINT NOT NULL,               -- likewise
    amount         BIGINT NOT NULL,
    balance        BIGINT NOT NULL,               -- the account's, after it
    FOREIGN KEY (transaction_id) REFERENCES transactions (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE INDEX postings_transaction ON postings (transaction_id);
CREATE INDEX postings_account ON postings (account_id, id);
CREATE INDEX postings_account_kind ON postings (account_id, kind, id);
CREATE INDEX postings_account_time ON postings (account_id, created_at, id);

-- What each call cost its wallet: the lines of a usage transaction, which is for all calls of a
-- group that came in one batch. A request is charged once, because it stands here once.
CREATE TABLE charges (
    request_id     VARCHAR(512) NOT NULL PRIMARY KEY,
    transaction_id BIGINT NOT NULL,
    account_id     BIGINT NOT NULL,
    amount         BIGINT NOT NULL,
    refunded       BIGINT NOT NULL DEFAULT 0,     -- never more than the amount
    FOREIGN KEY (transaction_id) REFERENCES transactions (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE INDEX charges_transaction ON charges (transaction_id, request_id);

-- Codes that are worth money to whoever has them.
CREATE TABLE redemption_codes (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: transactions name it
    created_at BIGINT NOT NULL,
    batch      VARCHAR(120) NOT NULL,                   -- a name for those that were made together
    hash       VARBINARY(64) NOT NULL UNIQUE,            -- SHA-256 of the code without hyphens
    hint       VARCHAR(64) NOT NULL,                   -- last four characters
    amount     BIGINT NOT NULL,
    uses       BIGINT NOT NULL,                   -- how many groups may redeem it
    used       BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL DEFAULT 0,         -- 0: never
    status     BIGINT NOT NULL                    -- 1 enabled, 2 disabled
);
CREATE INDEX redemption_codes_batch ON redemption_codes (batch, id);

-- Codes that a group tried and that do not exist, within a window of time.
CREATE TABLE redemption_failures (
    group_id VARCHAR(120) NOT NULL PRIMARY KEY,
    since    BIGINT NOT NULL,
    count    BIGINT NOT NULL
);

-- Services elsewhere that keep the money of some groups. They say how much there is and are told
-- what was used.
CREATE TABLE balance_services (
    id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, -- never used twice: secrets are bound to it
    created_at    BIGINT NOT NULL,
    name          VARCHAR(191) NOT NULL UNIQUE,
    url           VARCHAR(512) NOT NULL,
    private       BIGINT NOT NULL,                   -- 1: it may be in a private network
    secret_sealed BLOB NOT NULL,                   -- AES-256-GCM, bound to this row
    secret_hint   VARCHAR(64) NOT NULL                    -- last four characters
);

-- Usage that a service has not confirmed yet. A row goes when it has.
CREATE TABLE consumptions (
    id             BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    service_id     BIGINT NOT NULL,
    account_id     BIGINT NOT NULL,
    transaction_id BIGINT NOT NULL UNIQUE,
    created_at     BIGINT NOT NULL,
    amount         BIGINT NOT NULL,
    attempts       BIGINT NOT NULL DEFAULT 0,
    next_at        BIGINT NOT NULL,
    error          MEDIUMTEXT NOT NULL DEFAULT (''),       -- of the last attempt
    FOREIGN KEY (service_id) REFERENCES balance_services (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (transaction_id) REFERENCES transactions (id)
);
CREATE INDEX consumptions_next_at ON consumptions (next_at);
CREATE INDEX consumptions_account ON consumptions (account_id, amount);
CREATE INDEX consumptions_failed ON consumptions (id);

ALTER TABLE `groups` ADD COLUMN balance_alert_enabled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `groups` ADD COLUMN balance_alert_threshold BIGINT NOT NULL DEFAULT 0;
