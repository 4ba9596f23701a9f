-- When the database was last restored from a backup, in one row; none if it never was. Answers that may have been accepted
-- before that moment are refused.

CREATE TABLE restoration (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at BIGINT NOT NULL
);
