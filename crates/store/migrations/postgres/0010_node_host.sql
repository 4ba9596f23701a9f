-- Where a node runs: the name of its machine, and the address it listens on. Empty if its application does not say.

ALTER TABLE node ADD COLUMN host TEXT COLLATE "C" CHECK (length(host) >= 1);
ALTER TABLE node ADD COLUMN listen_address TEXT COLLATE "C" CHECK (length(listen_address) >= 1);
