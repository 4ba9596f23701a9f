-- Messages with codes, and what became of them. Neither the code nor the address is here.

CREATE TABLE delivery (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    user_id    TEXT    NOT NULL CHECK (length(user_id) >= 1),
    device_id  TEXT    NOT NULL CHECK (length(device_id) >= 1),
    channel    TEXT    NOT NULL CHECK (length(channel) >= 1),
    attempt_id TEXT    NOT NULL CHECK (length(attempt_id) >= 1),
    region     TEXT    NOT NULL,
    price      INTEGER NOT NULL CHECK (price BETWEEN 0 AND 4294967295),
    created    INTEGER NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('waiting', 'sent', 'failed', 'delivered', 'undelivered')),
    noted      INTEGER NOT NULL,
    reference  TEXT,
    reason     TEXT,
    verified   INTEGER
) STRICT;

CREATE INDEX delivery_of_user ON delivery (user_id, created, id);
CREATE INDEX delivery_created ON delivery (created);
