-- SPDX-License-Identifier: Apache-2.0
-- How pools move to new publications, and what channels pointed to.

ALTER TABLE pool ADD COLUMN rollout_canary BIGINT NOT NULL DEFAULT 10;
ALTER TABLE pool ADD COLUMN rollout_window_ms BIGINT NOT NULL DEFAULT 1800000;
ALTER TABLE pool ADD COLUMN rollout_max_failures BIGINT NOT NULL DEFAULT 1;

-- Publications of `image`; 0: none. Filled in from the channels when the broker first looks.
CREATE TABLE rollout (
	pool TEXT NOT NULL PRIMARY KEY REFERENCES pool (name) ON DELETE CASCADE,
	image TEXT NOT NULL,
	current BIGINT NOT NULL,
	next BIGINT NOT NULL,
	refused BIGINT NOT NULL,
	began_at_ms BIGINT NOT NULL,
	why TEXT NOT NULL,
	-- The host's words, for a push that was stopped.
	detail TEXT NOT NULL
);

-- What was seen of an image's content in a pool; begun anew with each push.
CREATE TABLE image_health (
	pool TEXT NOT NULL REFERENCES pool (name) ON DELETE CASCADE,
	sha256 TEXT NOT NULL,
	ready BIGINT NOT NULL DEFAULT 0,
	ready_since_ms BIGINT NOT NULL DEFAULT 0,
	first_start_ms BIGINT NOT NULL DEFAULT 0,
	failed BIGINT NOT NULL DEFAULT 0,
	crashed BIGINT NOT NULL DEFAULT 0,
	logins BIGINT NOT NULL DEFAULT 0,
	logins_failed BIGINT NOT NULL DEFAULT 0,
	reason TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (pool, sha256)
);

INSERT INTO image_health (pool, sha256, ready, ready_since_ms)
	SELECT pool, image_sha256, COUNT(*), MIN(ready_at_ms) FROM desktop WHERE ready_at_ms > 0
	GROUP BY pool, image_sha256;

CREATE TABLE image_move (
	id BIGINT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	channel TEXT NOT NULL,
	from_publication BIGINT NOT NULL,
	to_publication BIGINT NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('publish', 'promote', 'rollback')),
	who TEXT NOT NULL,
	reason TEXT NOT NULL,
	at_ms BIGINT NOT NULL
);
CREATE INDEX image_move_by_name ON image_move (name, id);
