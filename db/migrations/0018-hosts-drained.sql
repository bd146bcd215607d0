-- SPDX-License-Identifier: Apache-2.0
-- Who empties a host, since when and why.
ALTER TABLE host ADD COLUMN drained_by TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN drained_why TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN drained_at_ms BIGINT NOT NULL DEFAULT 0;
