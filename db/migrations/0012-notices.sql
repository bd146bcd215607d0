-- SPDX-License-Identifier: Apache-2.0
-- What users are told: texts of administrators and what was refused. A host shows those with
-- in_desktop and says how far it has come; clients ask for those above the last they have seen.
CREATE TABLE notice (
	seq BIGINT NOT NULL PRIMARY KEY,
	desktop TEXT NOT NULL REFERENCES desktop (id) ON DELETE CASCADE,
	person TEXT NOT NULL REFERENCES person (key),
	kind TEXT NOT NULL CHECK (kind IN ('message', 'refused')),
	what TEXT NOT NULL,
	text TEXT NOT NULL,
	in_desktop BIGINT NOT NULL CHECK (in_desktop IN (0, 1)),
	in_client BIGINT NOT NULL CHECK (in_client IN (0, 1)),
	at_ms BIGINT NOT NULL,
	expires_at_ms BIGINT NOT NULL
);
CREATE INDEX notice_by_desktop ON notice (desktop, seq);
CREATE INDEX notice_by_person ON notice (person, seq);
INSERT INTO counter (name, value) VALUES ('notice', 0);

-- The number of the user's stay that is to end, 0: none. A stay that has ended has another number,
-- so that the order can be told any number of times.
ALTER TABLE desktop ADD COLUMN log_off_stay BIGINT NOT NULL DEFAULT 0;
