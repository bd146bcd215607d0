-- SPDX-License-Identifier: Apache-2.0
-- Removable storage for one person for some hours. Nobody approves what they asked for themselves:
-- the table says so too.
CREATE TABLE exception (
	id TEXT NOT NULL PRIMARY KEY,
	person TEXT NOT NULL REFERENCES person (key),
	pool TEXT NOT NULL,
	device TEXT NOT NULL CHECK (device IN ('drive')),
	reason TEXT NOT NULL,
	duration_ms BIGINT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'revoked', 'expired')),
	requested_by TEXT NOT NULL,
	requested_at_ms BIGINT NOT NULL,
	approved_by TEXT NOT NULL,
	approved_at_ms BIGINT NOT NULL,
	expires_at_ms BIGINT NOT NULL,
	used_at_ms BIGINT NOT NULL,
	ended_by TEXT NOT NULL,
	ended_at_ms BIGINT NOT NULL,
	CHECK (state <> 'approved' OR (approved_by <> '' AND approved_by <> requested_by))
);
CREATE INDEX exception_by_person ON exception (person, pool, state);
CREATE INDEX exception_by_state ON exception (state, expires_at_ms);

-- What a session was given, to be taken back when it is over.
ALTER TABLE rdp_session ADD COLUMN exception TEXT NOT NULL DEFAULT '';
CREATE INDEX rdp_session_by_exception ON rdp_session (exception, ended_at_ms);
