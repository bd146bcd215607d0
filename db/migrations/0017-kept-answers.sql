-- SPDX-License-Identifier: Apache-2.0
-- Answers to orders that came with a key, so that the same order sent again is not carried out twice.
-- Of the key and of the request there is only a hash.
CREATE TABLE kept_answer (
	who TEXT NOT NULL,
	key_sha256 TEXT NOT NULL,
	request_sha256 TEXT NOT NULL,
	answer TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	PRIMARY KEY (who, key_sha256)
);
CREATE INDEX kept_answer_by_time ON kept_answer (at_ms);
