/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "common/base/text.h"

#define LINE_LIMIT 4096
#define VALUE_LIMIT 1024

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static atomic_int least_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level least)
{
	atomic_store(&least_level, (int)least);
}

int log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] == '"' || text.ptr[i] == '=' ||
		    text.ptr[i] == '\\' || text.ptr[i] == 0x7f)
			return false;
	return text.len > 0 && utf8_valid(text);
}

static void put_quoted(struct buf *line, struct span text)
{
	buf_put_u8(line, '"');
	for (size_t at = 0; at < text.len;) {
		struct span rest = span_of(text.ptr + at, text.len - at);
		uint8_t c = rest.ptr[0];

		if (c == '"' || c == '\\') {
			buf_printf(line, "\\%c", c);
		} else if (c == '\n') {
			buf_put_text(line, "\\n");
		} else if (c < ' ' || c == 0x7f) {
			buf_printf(line, "\\x%02x", c);
		} else if (c < 0x80) {
			buf_put_u8(line, c);
		} else {
			size_t len = utf8_prefix(rest, 4);
			size_t one = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

			if (len >= one) {
				buf_put(line, rest.ptr, one);
				at += one;
				continue;
			}
			buf_printf(line, "\\x%02x", c);
		}
		at++;
	}
	buf_put_u8(line, '"');
}

static void put_text(struct buf *line, const char *text)
{
	struct span value = span_of(text, strnlen(text, VALUE_LIMIT));

	if (is_plain(value))
		buf_put_span(line, value);
	else
		put_quoted(line, value);
}

static void put_time(struct buf *line)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	buf_printf(line, "time=%s.%03ldZ ", text, now.tv_nsec / 1000000);
}

void log_event(enum log_level level, const char *event, const struct kv *pairs)
{
	int kept_errno = errno;
	OWNED(buf_done) struct buf line = BUF_LIMIT(LINE_LIMIT * 8);

	if ((int)level < atomic_load(&least_level))
		return;
	put_time(&line);
	buf_printf(&line, "level=%s event=%s", level_names[level], event);
	for (const struct kv *pair = pairs; pair->key; pair++) {
		buf_printf(&line, " %s=", pair->key);
		if (pair->text)
			put_text(&line, pair->text);
		else
			buf_printf(&line, "%" PRId64, pair->number);
	}
	buf_put_u8(&line, '\n');
	/* One write, so that lines of several threads and processes do not mix. */
	if (write(STDERR_FILENO, line.ptr, line.len) < 0) {
		/* Nowhere left to say it. */
	}
	errno = kept_errno;
}
