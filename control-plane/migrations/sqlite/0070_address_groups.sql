-- Which groups called from which addresses, written in the transaction that writes the log rows that
-- say so, by hour and day: `span` and `start_at` as in the summaries. An address is at most 64
-- characters here; what is longer is none. It goes with the log rows (LogStorageHours).
CREATE TABLE address_groups (
    span     BIGINT NOT NULL,
    start_at BIGINT NOT NULL,
    ip       TEXT   NOT NULL,
    group_id TEXT   NOT NULL,
    PRIMARY KEY (span, start_at, ip, group_id)
) WITHOUT ROWID;

-- Rows that were booked from then on are in it: 9223372036854775807 while a program may run that does
-- not write it; 0 when those from before are in it too. Of rows before it, the log is asked.
CREATE TABLE address_fill (
    id          BIGINT NOT NULL PRIMARY KEY,
    filled_from BIGINT NOT NULL
);
INSERT INTO address_fill (id, filled_from) VALUES (1, 9223372036854775807);

-- 1: this control plane writes address_groups. The program before it does not know the column.
ALTER TABLE control_planes ADD COLUMN notes_addresses BIGINT NOT NULL DEFAULT 0;
