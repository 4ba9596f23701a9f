-- Failures that came from browsers which a device's owner is known by, as JSON: browser, how many in a row, when the last.
-- Empty if there are none. `failures` goes on counting everybody's.

ALTER TABLE device ADD COLUMN known_failures TEXT CHECK (json_valid(known_failures));
