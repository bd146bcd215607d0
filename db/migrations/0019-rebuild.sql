-- SPDX-License-Identifier: Apache-2.0
-- After a store was lost: whether hosts are still being asked what they run (0 no, 1 until those that are
-- known have told, 2 until somebody says so), who has told, and what nobody can say the owner of.
INSERT INTO counter (name, value) VALUES ('rebuilding', 0);
ALTER TABLE host ADD COLUMN has_told BIGINT NOT NULL DEFAULT 0;
CREATE TABLE unknown_desktop (
	id TEXT NOT NULL PRIMARY KEY,
	host TEXT NOT NULL REFERENCES host (name) ON DELETE CASCADE,
	name TEXT NOT NULL,
	account TEXT NOT NULL,
	why TEXT NOT NULL,
	at_ms BIGINT NOT NULL
);
