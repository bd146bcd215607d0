-- SPDX-License-Identifier: Apache-2.0
-- Whose request a ticket was made for, and who gave the last order for a desktop: passed on to hosts,
-- so that their logs name it as well.
ALTER TABLE ticket ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE desktop ADD COLUMN request TEXT NOT NULL DEFAULT '';
