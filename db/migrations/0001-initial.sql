-- SPDX-License-Identifier: Apache-2.0
-- Words instead of numbers for states, so that the file can be read with any SQLite shell.
-- Hashes and ids are lowercase hex. Times are Unix milliseconds.

CREATE TABLE counter (
	name TEXT NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('epoch', 0);

CREATE TABLE person (
	key TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	display_name TEXT NOT NULL,
	account TEXT NOT NULL,
	uid BIGINT NOT NULL,
	changed_at_ms BIGINT NOT NULL
);
CREATE INDEX person_by_name ON person (name, changed_at_ms);

CREATE TABLE pool (
	name TEXT NOT NULL PRIMARY KEY,
	title TEXT NOT NULL,
	image TEXT NOT NULL,
	channel TEXT NOT NULL,
	publication BIGINT NOT NULL,
	assignment TEXT NOT NULL CHECK (assignment IN ('floating', 'dedicated')),
	size_max BIGINT NOT NULL,
	size_spare BIGINT NOT NULL,
	cpus BIGINT NOT NULL,
	memory_bytes BIGINT NOT NULL,
	disk_bytes BIGINT NOT NULL,
	policy TEXT NOT NULL,
	deleted BIGINT NOT NULL CHECK (deleted IN (0, 1)),
	changed_at_ms BIGINT NOT NULL
);

CREATE TABLE pool_entitlement (
	pool TEXT NOT NULL REFERENCES pool (name) ON DELETE CASCADE,
	kind TEXT NOT NULL CHECK (kind IN ('group', 'user')),
	position BIGINT NOT NULL,
	principal TEXT NOT NULL,
	PRIMARY KEY (pool, kind, position)
);

CREATE TABLE image (
	name TEXT NOT NULL,
	publication BIGINT NOT NULL,
	sha256 TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	published_at_ms BIGINT NOT NULL,
	PRIMARY KEY (name, publication),
	UNIQUE (name, sha256)
);

CREATE TABLE image_channel (
	name TEXT NOT NULL,
	channel TEXT NOT NULL CHECK (channel IN ('stable', 'canary')),
	publication BIGINT NOT NULL,
	PRIMARY KEY (name, channel),
	FOREIGN KEY (name, publication) REFERENCES image (name, publication)
);

CREATE TABLE host (
	name TEXT NOT NULL PRIMARY KEY,
	state TEXT NOT NULL CHECK (state IN ('active', 'draining', 'maintenance', 'lost', 'fenced')),
	accel TEXT NOT NULL,
	cpus BIGINT NOT NULL,
	memory_bytes BIGINT NOT NULL,
	memory_free_bytes BIGINT NOT NULL,
	relay_host TEXT NOT NULL,
	relay_port BIGINT NOT NULL,
	relay_certificate_sha256 TEXT NOT NULL,
	seq BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	last_seen_ms BIGINT NOT NULL,
	joined_at_ms BIGINT NOT NULL
);

CREATE TABLE host_token (
	host TEXT NOT NULL PRIMARY KEY,
	token_sha256 TEXT NOT NULL UNIQUE,
	expires_at_ms BIGINT NOT NULL,
	used_at_ms BIGINT NOT NULL
);

CREATE TABLE host_image (
	host TEXT NOT NULL REFERENCES host (name) ON DELETE CASCADE,
	sha256 TEXT NOT NULL,
	ready BIGINT NOT NULL CHECK (ready IN (0, 1)),
	PRIMARY KEY (host, sha256)
);

-- The VM's life (state) and the user's (user_state) are two columns, never one.
CREATE TABLE desktop (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	pool TEXT NOT NULL REFERENCES pool (name),
	host TEXT NOT NULL REFERENCES host (name),
	epoch BIGINT NOT NULL,
	want TEXT NOT NULL CHECK (want IN ('running', 'absent')),
	want_generation BIGINT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('absent', 'cloning', 'starting', 'ready', 'stopping',
		'migrating', 'suspended', 'error')),
	stage TEXT NOT NULL CHECK (stage IN ('queued', 'starting', 'booting', 'identity', 'ready')),
	percent BIGINT NOT NULL,
	reason TEXT NOT NULL,
	user_state TEXT NOT NULL CHECK (user_state IN ('spare', 'assigned', 'connected',
		'disconnected', 'logged_off')),
	image_sha256 TEXT NOT NULL,
	cpus BIGINT NOT NULL,
	memory_bytes BIGINT NOT NULL,
	disk_bytes BIGINT NOT NULL,
	address TEXT NOT NULL,
	rdp_certificate_sha256 TEXT NOT NULL,
	created_at_ms BIGINT NOT NULL,
	changed_at_ms BIGINT NOT NULL
);
CREATE INDEX desktop_by_pool ON desktop (pool);
CREATE INDEX desktop_by_host ON desktop (host);

-- One owner per desktop, one desktop per user and pool: the keys say so.
CREATE TABLE assignment (
	desktop TEXT NOT NULL PRIMARY KEY REFERENCES desktop (id) ON DELETE CASCADE,
	person TEXT NOT NULL REFERENCES person (key),
	pool TEXT NOT NULL REFERENCES pool (name),
	assigned_at_ms BIGINT NOT NULL,
	UNIQUE (person, pool)
);

CREATE TABLE ticket (
	locator TEXT NOT NULL PRIMARY KEY,
	secret_sha256 TEXT NOT NULL,
	person TEXT NOT NULL REFERENCES person (key),
	desktop TEXT NOT NULL REFERENCES desktop (id) ON DELETE CASCADE,
	host TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	client_address TEXT NOT NULL,
	policy TEXT NOT NULL,
	expires_at_ms BIGINT NOT NULL,
	used_at_ms BIGINT NOT NULL,
	wrong_count BIGINT NOT NULL
);
CREATE INDEX ticket_by_desktop ON ticket (desktop);
CREATE INDEX ticket_by_expiry ON ticket (expires_at_ms);

-- History outlives desktops and pools, so names are copied instead of referenced.
CREATE TABLE rdp_session (
	id TEXT NOT NULL PRIMARY KEY,
	user_name TEXT NOT NULL,
	desktop TEXT NOT NULL,
	desktop_name TEXT NOT NULL,
	pool TEXT NOT NULL,
	host TEXT NOT NULL,
	client_address TEXT NOT NULL,
	began_at_ms BIGINT NOT NULL,
	active_at_ms BIGINT NOT NULL,
	ended_at_ms BIGINT NOT NULL
);
CREATE INDEX rdp_session_by_desktop ON rdp_session (desktop, ended_at_ms);
CREATE INDEX rdp_session_by_time ON rdp_session (began_at_ms);

CREATE TABLE login_session (
	token_sha256 TEXT NOT NULL PRIMARY KEY,
	person TEXT NOT NULL REFERENCES person (key),
	client_address TEXT NOT NULL,
	created_at_ms BIGINT NOT NULL,
	expires_at_ms BIGINT NOT NULL
);
CREATE INDEX login_session_by_expiry ON login_session (expires_at_ms);

CREATE TABLE throttle (
	kind TEXT NOT NULL CHECK (kind IN ('user', 'source')),
	subject TEXT NOT NULL,
	failures BIGINT NOT NULL,
	window_began_at_ms BIGINT NOT NULL,
	blocked_until_ms BIGINT NOT NULL,
	PRIMARY KEY (kind, subject)
);

CREATE TABLE audit (
	id BIGINT NOT NULL PRIMARY KEY,
	at_ms BIGINT NOT NULL,
	who TEXT NOT NULL,
	source TEXT NOT NULL,
	what TEXT NOT NULL,
	code TEXT NOT NULL,
	denied BIGINT NOT NULL CHECK (denied IN (0, 1)),
	subject TEXT NOT NULL,
	details TEXT NOT NULL,
	previous_sha256 TEXT NOT NULL,
	sha256 TEXT NOT NULL
);
CREATE INDEX audit_denied ON audit (denied, id);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
	SELECT RAISE(ABORT, 'audit rows are only ever added');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
	SELECT RAISE(ABORT, 'audit rows are only ever added');
END;
