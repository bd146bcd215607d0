-- SPDX-License-Identifier: Apache-2.0
-- Sessions nobody uses, and desktops that take the place of refreshed ones.

ALTER TABLE pool ADD COLUMN idle_timeout_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pool ADD COLUMN idle_action TEXT NOT NULL DEFAULT 'disconnect'
	CHECK (idle_action IN ('disconnect', 'logoff'));

-- Places of refreshed desktops: each asks for one spare more, until somebody takes one or it is late.
CREATE TABLE kept_place (
	id TEXT NOT NULL PRIMARY KEY,
	pool TEXT NOT NULL REFERENCES pool (name) ON DELETE CASCADE,
	until_ms BIGINT NOT NULL
);
CREATE INDEX kept_place_by_pool ON kept_place (pool, until_ms);
