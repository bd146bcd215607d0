-- SPDX-License-Identifier: Apache-2.0
-- A login session may be bound to the TLS key of the client that began it.
ALTER TABLE login_session ADD COLUMN client_key_sha256 TEXT NOT NULL DEFAULT '';
-- Sessions of the admin side open nothing on the client side, and the other way round.
ALTER TABLE login_session ADD COLUMN staff BIGINT NOT NULL DEFAULT 0;
-- Only the housekeeping looks for what has expired: not worth a page of the log at every login.
DROP INDEX ticket_by_expiry;
DROP INDEX login_session_by_expiry;
