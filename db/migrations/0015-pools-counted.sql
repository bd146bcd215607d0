-- SPDX-License-Identifier: Apache-2.0
-- The desktops of all pools are counted at every change: from this index alone, in its order, without
-- their rows, which are ten times as wide.
DROP INDEX desktop_by_pool;
CREATE INDEX desktop_by_pool ON desktop (pool, image_sha256, want, state, id);
