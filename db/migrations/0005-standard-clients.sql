-- SPDX-License-Identifier: Apache-2.0
-- Clients that are not ours: whether a pool lets them in, and tickets that only they can use.
ALTER TABLE pool ADD COLUMN standard_clients BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN standard BIGINT NOT NULL DEFAULT 0;
