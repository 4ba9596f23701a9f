-- What programs show in place of people, and the method by which a session or a token was verified.

-- The key is the hash of the token. Scopes stand with blanks between them. `client` and `family` are of those that were
-- given to a registered client.
CREATE TABLE token (
    id        TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    key       TEXT    NOT NULL UNIQUE CHECK (length(key) >= 1),
    user_id   TEXT    NOT NULL CHECK (length(user_id) >= 1),
    kind      TEXT    NOT NULL CHECK (kind IN ('personal', 'access', 'refresh')),
    name      TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    scopes    TEXT    NOT NULL,
    level     TEXT    NOT NULL CHECK (level IN ('aal1', 'aal2', 'phishing-resistant')),
    stamp     TEXT    NOT NULL,
    device_id TEXT,
    method    TEXT,
    signed_in INTEGER NOT NULL,
    verified  INTEGER,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    last_used INTEGER,
    client_id TEXT,
    family    TEXT,
    CHECK (level = 'aal1' OR verified IS NOT NULL)
) STRICT;

CREATE INDEX token_of_user ON token (user_id, created, id);
CREATE INDEX token_expires ON token (expires);

ALTER TABLE session ADD COLUMN method TEXT;

-- More kinds of events. A constraint cannot be changed, so the table is made anew.
CREATE TABLE event_with_more_kinds (
    id         INTEGER NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    user_id    TEXT    NOT NULL CHECK (length(user_id) >= 1),
    kind       TEXT    NOT NULL CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed',
        'device-renamed', 'session-ended', 'token-made', 'token-ended'
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
