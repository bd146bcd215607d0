-- SPDX-License-Identifier: Apache-2.0
-- How many desktops start at a time on a host, and how many wait for that; 0 before it has told.
ALTER TABLE host ADD COLUMN starts_max BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN starts_under_way BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN starts_waiting BIGINT NOT NULL DEFAULT 0;
-- The place of a desktop among those that wait for their turn on its host; 0: it does not wait.
ALTER TABLE desktop ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
