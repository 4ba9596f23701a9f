-- The running servers, as they report themselves, and tasks that one of them does at a time. A handful of rows each.

-- The ids of the keys stand with blanks between them; the first one seals.
CREATE TABLE node (
    id            TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    started       INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    version       TEXT    NOT NULL CHECK (length(version) >= 1),
    keys          TEXT    NOT NULL CHECK (length(keys) >= 1),
    sealing_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name   TEXT    NOT NULL PRIMARY KEY CHECK (length(name) >= 1),
    holder TEXT    NOT NULL CHECK (length(holder) >= 1),
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
