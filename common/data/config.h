/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - an INI file into a struct, driven by a table that holds names, types and defaults.
 *
 *	static const struct config_key keys[] = {
 *		{ "broker", "listen", CONFIG_TEXT, offsetof(struct c, listen), "0.0.0.0:8443" },
 *	};
 *
 * A key that is not in the table, a key given twice and a bad value are errors with file and line;
 * all of them are reported, one line each. CONFIG_TEXT is a malloc'ed char *. */
#ifndef GENKAN_DATA_CONFIG_H
#define GENKAN_DATA_CONFIG_H

#include <stdint.h>
#include "common/base/buf.h"
#include "common/base/error.h"

enum config_type {
	CONFIG_TEXT,		/* char * */
	CONFIG_BOOL,		/* bool: yes/no/true/false/on/off */
	CONFIG_COUNT,		/* int64_t >= 0 */
	CONFIG_DURATION_MS,	/* int64_t: 500ms, 2s, 5m, 8h, 30d; a bare number is an error */
	CONFIG_BYTES,		/* int64_t: 512, 4K, 16M, 2G */
};

struct config_key {
	const char *section, *name;
	enum config_type type;
	size_t offset;
	const char *fallback;	/* default as text; NULL: the key is required (but for TEXT: "") */
	const char *help;	/* one line; the man page has the long form */
	bool required;
};

/* `out` must be zeroed; defaults are filled in. `problems` receives "file:line: text\n" lines.
 * -EINVAL when there is any problem. path NULL: defaults only. */
int config_load(const char *path, const struct config_key *keys, size_t count, void *out,
		struct buf *problems) MUST_CHECK;
/* Frees the TEXT members. */
void config_done(const struct config_key *keys, size_t count, void *out);
/* Prints each key with its default, for --help and the tests that read the man page. */
void config_describe(const struct config_key *keys, size_t count, struct buf *out);

/* "500ms", "2s", "5m", "8h" or "30d" in milliseconds; -1 for anything else. */
int64_t config_parse_duration(const char *text);

/* Splits "host:port" or "[v6]:port"; -EINVAL when malformed. */
int config_split_address(const char *text, char *host, size_t host_size, uint16_t *port,
			 struct error *err) MUST_CHECK;

#endif
