-- SPDX-License-Identifier: Apache-2.0
-- What a host says about its templates, as a JSON array: shown to people, decided by nobody.
ALTER TABLE host ADD COLUMN templates TEXT NOT NULL DEFAULT '[]';
