-- The running servers, as they report themselves, and tasks that one of them does at a time. A handful of rows each.

-- The ids of the keys stand with blanks between them; the first one seals.
CREATE TABLE node (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    started       BIGINT NOT NULL,
    seen          BIGINT NOT NULL,
    version       TEXT COLLATE "C" NOT NULL CHECK (length(version) >= 1),
    keys          TEXT COLLATE "C" NOT NULL CHECK (length(keys) >= 1),
    sealing_since BIGINT NOT NULL
);

CREATE TABLE lease (
    name   TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) >= 1),
    holder TEXT COLLATE "C" NOT NULL CHECK (length(holder) >= 1),
    until  BIGINT NOT NULL
);
