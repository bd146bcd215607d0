/* SPDX-License-Identifier: Apache-2.0 */
#include "common/data/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include "common/base/text.h"

struct load {
	const char *path;
	const struct config_key *keys;
	size_t count;
	void *out;
	struct buf *problems;
	bool *seen;
	FILE *file;
	int line;
	bool bad;
};

static int64_t with_unit(const char *text, const char *const *units, const int64_t *factors,
			 size_t count)
{
	char *end;
	int64_t value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || value < 0)
		return -1;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < count; i++)
		if (strcmp(end, units[i]) == 0 && value <= INT64_MAX / factors[i])
			return value * factors[i];
	return -1;
}

int64_t config_parse_duration(const char *text)
{
	static const char *const units[] = { "ms", "s", "m", "h", "d" };
	static const int64_t factors[] = { 1, 1000, 60000, 3600000, 86400000 };

	return with_unit(text, units, factors, ARRAY_LEN(units));
}

static int64_t parse_bytes(const char *text)
{
	static const char *const units[] = { "", "K", "KiB", "M", "MiB", "G", "GiB", "T", "TiB" };
	static const int64_t factors[] = { 1, 1 << 10, 1 << 10, 1 << 20, 1 << 20, 1 << 30, 1 << 30,
					   INT64_C(1) << 40, INT64_C(1) << 40 };

	return with_unit(text, units, factors, ARRAY_LEN(units));
}

static int parse_bool(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

/* NULL when stored, else what was expected. */
static const char *store_value(const struct config_key *key, const char *text, void *out)
{
	static const char *const plain[] = { "" };
	static const int64_t one[] = { 1 };
	void *slot = (char *)out + key->offset;
	int64_t number = 0;

	switch (key->type) {
	case CONFIG_TEXT:
		free(*(char **)slot);
		*(char **)slot = xstrdup(text);
		return NULL;
	case CONFIG_BOOL:
		return parse_bool(text, slot) < 0 ? "yes or no" : NULL;
	case CONFIG_COUNT:
		number = with_unit(text, plain, one, 1);
		break;
	case CONFIG_DURATION_MS:
		number = config_parse_duration(text);
		break;
	case CONFIG_BYTES:
		number = parse_bytes(text);
		break;
	}
	if (number < 0)
		return key->type == CONFIG_COUNT ? "a whole number"
		       : key->type == CONFIG_BYTES ? "a size such as 512K, 16M or 2G"
		       : "a duration with its unit, such as 500ms, 2s, 5m, 8h or 30d";
	*(int64_t *)slot = number;
	return NULL;
}

static void complain(struct load *load, const char *section, const char *name, const char *text)
{
	load->bad = true;
	buf_printf(load->problems, "%s:%d: [%s] %s: %s\n", load->path, load->line, section, name,
		   text);
}

static int on_entry(void *arg, const char *section, const char *name, const char *value)
{
	struct load *load = arg;

	for (size_t i = 0; i < load->count; i++) {
		const struct config_key *key = &load->keys[i];
		const char *wanted;
		char text[160];

		if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
			continue;
		if (load->seen[i]) {
			complain(load, section, name, "given twice");
			return 1;
		}
		load->seen[i] = true;
		wanted = store_value(key, value, load->out);
		if (wanted) {
			snprintf(text, sizeof(text), "'%.60s' is not %s", value, wanted);
			complain(load, section, name, text);
		}
		return 1;
	}
	complain(load, section, name, "unknown key");
	return 1;
}

/* inih does not hand the line number to the handler as packaged, so lines are counted here. */
static char *read_line(char *line, int size, void *arg)
{
	struct load *load = arg;

	load->line++;
	return fgets(line, size, load->file);
}

static void fill_defaults(struct load *load)
{
	for (size_t i = 0; i < load->count; i++) {
		const struct config_key *key = &load->keys[i];
		const char *text = key->fallback;

		if (!text && key->type != CONFIG_TEXT)
			continue;
		if (store_value(key, text ? text : "", load->out))
			abort();	/* a default of our own table that does not parse */
	}
}

static void check_required(struct load *load)
{
	for (size_t i = 0; i < load->count; i++) {
		if (load->keys[i].required && !load->seen[i]) {
			load->bad = true;
			buf_printf(load->problems, "%s: [%s] %s: this key is needed\n", load->path,
				   load->keys[i].section, load->keys[i].name);
		}
	}
}

int config_load(const char *path, const struct config_key *keys, size_t count, void *out,
		struct buf *problems)
{
	OWNED(free) bool *seen = xcalloc(count, sizeof(*seen));
	struct load load = { .path = path, .keys = keys, .count = count, .out = out,
			     .problems = problems, .seen = seen };
	int bad_line;

	fill_defaults(&load);
	if (!path)
		return 0;
	load.file = fopen(path, "re");
	if (!load.file) {
		buf_printf(problems, "%s: %s\n", path, strerror(errno));
		return -EINVAL;
	}
	bad_line = ini_parse_stream(read_line, &load, on_entry, &load);
	fclose(load.file);
	if (bad_line > 0) {
		load.bad = true;
		buf_printf(problems, "%s:%d: neither a [section] nor key = value\n", path, bad_line);
	}
	check_required(&load);
	return load.bad ? -EINVAL : 0;
}

void config_done(const struct config_key *keys, size_t count, void *out)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].type == CONFIG_TEXT) {
			char **slot = (char **)((char *)out + keys[i].offset);

			free(*slot);
			*slot = NULL;
		}
	}
}

void config_describe(const struct config_key *keys, size_t count, struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < count; i++) {
		if (strcmp(section, keys[i].section) != 0) {
			section = keys[i].section;
			buf_printf(out, "[%s]\n", section);
		}
		buf_printf(out, "%s = %s\t%s\n", keys[i].name,
			   keys[i].fallback ? keys[i].fallback : "", keys[i].help ? keys[i].help : "");
	}
}

int config_split_address(const char *text, char *host, size_t host_size, uint16_t *port,
			 struct error *err)
{
	const char *colon = strrchr(text, ':');
	const char *end = colon;
	const char *start = text;
	unsigned long number;
	char *rest;

	if (!colon)
		return error_set(err, EINVAL, "'%s': host:port is expected", text);
	if (text[0] == '[') {
		start++;
		end = strchr(text, ']');
		if (!end || end + 1 != colon)
			return error_set(err, EINVAL, "'%s': [address]:port is expected", text);
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return error_set(err, EINVAL, "'%s': put an IPv6 address in [ ]", text);
	}
	errno = 0;
	number = strtoul(colon + 1, &rest, 10);
	if (errno || rest == colon + 1 || *rest || number > 65535)
		return error_set(err, EINVAL, "'%s': '%s' is not a port", text, colon + 1);
	if (end == start || (size_t)(end - start) >= host_size)
		return error_set(err, EINVAL, "'%s': no host, or too long", text);
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	*port = (uint16_t)number;
	return 0;
}
