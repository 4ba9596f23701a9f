-- Registered clients, and one more kind of event.

-- The secret is the hash of one, in hexadecimal digits. Scopes stand with blanks between them.
CREATE TABLE client (
    id      TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    name    TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    kind    TEXT    NOT NULL CHECK (kind IN ('public', 'confidential')),
    secret  TEXT    CHECK (length(secret) = 64),
    scopes  TEXT    NOT NULL,
    created INTEGER NOT NULL,
    CHECK ((kind = 'confidential') = (secret IS NOT NULL))
) STRICT;

CREATE INDEX token_of_client ON token (client_id) WHERE client_id IS NOT NULL;

-- A constraint cannot be changed, so the table is made anew.
CREATE TABLE event_with_more_kinds (
    id         INTEGER NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    user_id    TEXT    NOT NULL CHECK (length(user_id) >= 1),
    kind       TEXT    NOT NULL CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed',
        'device-renamed', 'session-ended', 'token-made', 'token-ended', 'refresh-replayed'
    )),
    device_id  TEXT,
    method     TEXT,
    attempt_id TEXT,
    address    TEXT
) STRICT;

INSERT INTO event_with_more_kinds (id, at, user_id, kind, device_id, method, attempt_id, address)
SELECT id, at, user_id, kind, device_id, method, attempt_id, address FROM event ORDER BY id;

DROP TABLE event;
ALTER TABLE event_with_more_kinds RENAME TO event;

CREATE INDEX event_of_user ON event (user_id);
