-- SPDX-License-Identifier: Apache-2.0
-- A login writes a page of each index its rows are in. Only refusals are looked for as such, newest
-- first; what was allowed needs no place in their index.
DROP INDEX audit_denied;
CREATE INDEX audit_denied ON audit (id, at_ms) WHERE denied = 1;
-- The exception in force is asked for at each login: its index has them in the order that is asked for.
DROP INDEX exception_by_person;
CREATE INDEX exception_by_person ON exception (person, pool, state, expires_at_ms, id);
