-- SPDX-License-Identifier: Apache-2.0
-- Users' own disks. A row outlives pools, desktops and hosts: what is on the disk is the user's.

ALTER TABLE pool ADD COLUMN user_disk_bytes BIGINT NOT NULL DEFAULT 0;
-- The disk that belongs beside the desktop, whether or not it holds it yet; '' none.
ALTER TABLE desktop ADD COLUMN user_disk TEXT NOT NULL DEFAULT '';

CREATE TABLE user_disk (
	id TEXT NOT NULL PRIMARY KEY,
	person TEXT NOT NULL REFERENCES person (key),
	pool TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	used_bytes BIGINT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('new', 'ready', 'broken')),
	set_aside_at_ms BIGINT NOT NULL,
	-- The one desktop that may have it attached ('' none), and the number of that hold.
	desktop TEXT NOT NULL,
	host TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	attached TEXT NOT NULL CHECK (attached IN ('none', 'attaching', 'mounted', 'broken', 'locked',
		'failed', 'releasing')),
	reason TEXT NOT NULL,
	since_ms BIGINT NOT NULL,
	created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_disk_of_person ON user_disk (person, pool) WHERE set_aside_at_ms = 0;
CREATE INDEX user_disk_by_desktop ON user_disk (desktop);
