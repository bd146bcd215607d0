-- SPDX-License-Identifier: Apache-2.0
-- A code besides the password. The secret is sealed with a key that is not in this file; of recovery
-- codes there is only a hash.
CREATE TABLE second_factor (
	person TEXT NOT NULL PRIMARY KEY REFERENCES person (key),
	key_id TEXT NOT NULL,
	sealed TEXT NOT NULL,
	last_step BIGINT NOT NULL,
	wrong_count BIGINT NOT NULL,
	enrolled_at_ms BIGINT NOT NULL,
	used_at_ms BIGINT NOT NULL
);
CREATE TABLE recovery_code (
	person TEXT NOT NULL REFERENCES second_factor (person) ON DELETE CASCADE,
	code_sha256 TEXT NOT NULL,
	used_at_ms BIGINT NOT NULL,
	PRIMARY KEY (person, code_sha256)
);
ALTER TABLE pool ADD COLUMN second_factor TEXT NOT NULL DEFAULT 'none'
	CHECK (second_factor IN ('none', 'totp'));
ALTER TABLE login_session ADD COLUMN second_factor BIGINT NOT NULL DEFAULT 0;
