-- Messages with codes, and what became of them. Neither the code nor the address is here.

CREATE TABLE delivery (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    user_id    TEXT COLLATE "C" NOT NULL CHECK (length(user_id) >= 1),
    device_id  TEXT COLLATE "C" NOT NULL CHECK (length(device_id) >= 1),
    channel    TEXT COLLATE "C" NOT NULL CHECK (length(channel) >= 1),
    attempt_id TEXT COLLATE "C" NOT NULL CHECK (length(attempt_id) >= 1),
    region     TEXT COLLATE "C" NOT NULL,
    price      BIGINT NOT NULL CHECK (price BETWEEN 0 AND 4294967295),
    created    BIGINT NOT NULL,
    status     TEXT COLLATE "C" NOT NULL CHECK (status IN ('waiting', 'sent', 'failed', 'delivered', 'undelivered')),
    noted      BIGINT NOT NULL,
    reference  TEXT COLLATE "C",
    reason     TEXT COLLATE "C",
    verified   BIGINT
);

CREATE INDEX delivery_of_user ON delivery (user_id, created, id);
CREATE INDEX delivery_created ON delivery (created);
