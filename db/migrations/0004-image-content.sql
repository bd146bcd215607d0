-- SPDX-License-Identifier: Apache-2.0
-- What images consist of, whether the broker has the file, and how far each host has got with it.

CREATE TABLE image_content (
	sha256 TEXT NOT NULL PRIMARY KEY,
	size_bytes BIGINT NOT NULL,
	-- SHA-256 of each 16 MiB, one after the other.
	pieces TEXT NOT NULL,
	held BIGINT NOT NULL CHECK (held IN (0, 1))
);

ALTER TABLE host_image ADD COLUMN state TEXT NOT NULL DEFAULT 'missing';
ALTER TABLE host_image ADD COLUMN percent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host_image ADD COLUMN reason TEXT NOT NULL DEFAULT '';
UPDATE host_image SET state = 'ready', percent = 100 WHERE ready = 1;
