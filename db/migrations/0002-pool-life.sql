-- SPDX-License-Identifier: Apache-2.0
-- How pools live by themselves: what a pool says about it, what is measured, who waits in line.

ALTER TABLE pool ADD COLUMN size_start BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pool ADD COLUMN size_grow BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pool ADD COLUMN schedule TEXT NOT NULL DEFAULT '';
ALTER TABLE pool ADD COLUMN max_per_user BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pool ADD COLUMN on_logoff TEXT NOT NULL DEFAULT 'refresh'
	CHECK (on_logoff IN ('refresh', 'keep', 'delete'));
ALTER TABLE pool ADD COLUMN disconnect_timeout_ms BIGINT NOT NULL DEFAULT 28800000;
ALTER TABLE pool ADD COLUMN self_restart BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pool ADD COLUMN self_reset BIGINT NOT NULL DEFAULT 0;
-- From the order to ready, a moving average; 0: none was seen yet.
ALTER TABLE pool ADD COLUMN start_ms BIGINT NOT NULL DEFAULT 0;
UPDATE pool SET on_logoff = 'keep' WHERE assignment = 'dedicated';

ALTER TABLE desktop ADD COLUMN incarnation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN logoffs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN resets BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN logged_on TEXT NOT NULL DEFAULT '';
ALTER TABLE desktop ADD COLUMN use_since_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN ready_at_ms BIGINT NOT NULL DEFAULT 0;
UPDATE desktop SET use_since_ms = changed_at_ms;

-- The line of a pool: who has the lowest place is next.
CREATE TABLE waiter (
	person TEXT NOT NULL REFERENCES person (key),
	pool TEXT NOT NULL REFERENCES pool (name) ON DELETE CASCADE,
	place BIGINT NOT NULL UNIQUE,
	since_ms BIGINT NOT NULL,
	seen_ms BIGINT NOT NULL,
	PRIMARY KEY (person, pool)
);
CREATE INDEX waiter_by_place ON waiter (pool, place);
INSERT INTO counter (name, value) VALUES ('place', 0);

-- Starts of an image that failed on a host, and until when it is spared more of them.
CREATE TABLE start_trouble (
	host TEXT NOT NULL REFERENCES host (name) ON DELETE CASCADE,
	image_sha256 TEXT NOT NULL,
	failures BIGINT NOT NULL,
	paused_until_ms BIGINT NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (host, image_sha256)
);
