/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - what the command line and /etc/genkan/client.conf say, as one struct. */
#ifndef GENKAN_THINCLIENT_OPTIONS_H
#define GENKAN_THINCLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/buf.h"
#include "common/base/error.h"

#define OPTIONS_CONFIG_PATH "/etc/genkan/client.conf"

struct options {
	/* from the file; the command line wins */
	char *broker, *ca_file, *language, *window, *font_file, *keyboard_layout;
	bool fullscreen, sound;
	/* from the command line */
	const char *user, *password_file, *new_password_file, *code_file, *pool, *screenshot, *type_text;
	bool headless, json, hold_until_eof, verbose;
	int64_t hold_ms, frame_deadline_ms;
	/* worked out from the texts above */
	int width, height;
	uint32_t keyboard_layout_id;
};

/* Reads both and checks them. Exits with 0 for --help and --version, with 2 for bad usage.
 * The texts live as long as argv and until options_done(). */
void options_load(int argc, char **argv, struct options *out);
void options_done(struct options *options);

/* "1280x800"; -EINVAL outside 200..8192. */
int options_parse_size(const char *text, int *width, int *height) MUST_CHECK;
/* "auto" (0), or a Windows layout id such as 0x411. */
int options_parse_layout(const char *text, uint32_t *out) MUST_CHECK;
/* The keys of the file with their defaults, for --help and for the test of the man page. */
void options_describe(struct buf *out);

#endif
