-- SPDX-License-Identifier: Apache-2.0
-- A login session may be bound to the TLS key of the client that began it.
ALTER TABLE login_session ADD COLUMN client_key_sha256 TEXT NOT NULL DEFAULT '';
-- Sessions of the admin side open nothing on the client side, and the other way round.
ALTER TABLE login_session ADD COLUMN staff BIGINT NOT NULL DEFAULT 0;
