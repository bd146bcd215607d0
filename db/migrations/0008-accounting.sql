-- SPDX-License-Identifier: Apache-2.0
-- What hosts and desktops really take, as measured; 0: not told.

ALTER TABLE host ADD COLUMN disk_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN disk_free_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN templates_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN pss_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desktop ADD COLUMN overlay_bytes BIGINT NOT NULL DEFAULT 0;
-- Largest size of the overlay of each desktop of the pool; 0: no limit.
ALTER TABLE pool ADD COLUMN overlay_bytes BIGINT NOT NULL DEFAULT 0;
