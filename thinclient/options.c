/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/data/config.h"

enum { EXIT_USAGE = 2 };

static const struct config_key keys[] = {
	{ "client", "broker", CONFIG_TEXT, offsetof(struct options, broker), "",
	  "host:port of the broker", false },
	{ "client", "ca_file", CONFIG_TEXT, offsetof(struct options, ca_file),
	  "/etc/genkan/ca.crt", "certificates that may sign the broker's", false },
	{ "client", "fullscreen", CONFIG_BOOL, offsetof(struct options, fullscreen), "no",
	  "cover the whole screen", false },
	{ "client", "language", CONFIG_TEXT, offsetof(struct options, language), "auto",
	  "auto, en or ja", false },
	{ "client", "window", CONFIG_TEXT, offsetof(struct options, window), "1280x800",
	  "size of the window and of the desktop in it", false },
	{ "client", "sound", CONFIG_BOOL, offsetof(struct options, sound), "yes",
	  "play the desktop's sound", false },
	{ "client", "keyboard_layout", CONFIG_TEXT, offsetof(struct options, keyboard_layout),
	  "auto", "auto, or a Windows layout id such as 0x411", false },
	{ "client", "font_file", CONFIG_TEXT, offsetof(struct options, font_file), "",
	  "font of the login screen; empty: the first of the usual ones", false },
};

enum {
	OPT_BROKER = 256, OPT_CA, OPT_CONFIG, OPT_USER, OPT_PASSWORD_FILE, OPT_NEW_PASSWORD_FILE, OPT_CODE_FILE, OPT_POOL,
	OPT_FULLSCREEN, OPT_WINDOWED, OPT_HEADLESS, OPT_SCREENSHOT, OPT_SIZE, OPT_JSON, OPT_HOLD,
	OPT_HOLD_UNTIL_EOF, OPT_TYPE, OPT_FRAME_DEADLINE, OPT_LANGUAGE, OPT_VERBOSE,
};

static const struct argp_option flags[] = {
	{ "broker", OPT_BROKER, "HOST:PORT", 0, "The broker to sign in to", 1 },
	{ "ca", OPT_CA, "FILE", 0, "Certificates that may sign the broker's", 1 },
	{ "config", OPT_CONFIG, "FILE", 0, "Instead of " OPTIONS_CONFIG_PATH, 1 },
	{ "user", OPT_USER, "NAME", 0, "User name", 2 },
	{ "password-file", OPT_PASSWORD_FILE, "FILE", 0,
	  "File with the password; - reads standard input", 2 },
	{ "new-password-file", OPT_NEW_PASSWORD_FILE, "FILE", 0,
	  "File with what a password that must be changed is changed to (headless)", 2 },
	{ "code-file", OPT_CODE_FILE, "FILE", 0,
	  "File with the code of a second factor, read when it is asked for (headless)", 2 },
	{ "pool", OPT_POOL, "NAME", 0, "The pool to take the desktop from", 2 },
	{ "fullscreen", OPT_FULLSCREEN, NULL, 0, "Cover the whole screen", 3 },
	{ "windowed", OPT_WINDOWED, NULL, 0, "Stay in a window", 3 },
	{ "size", OPT_SIZE, "WxH", 0, "Size of the window and of the desktop", 3 },
	{ "language", OPT_LANGUAGE, "LANG", 0, "en or ja; default: by locale", 3 },
	{ "headless", OPT_HEADLESS, NULL, 0, "No window: sign in, wait for the picture, report", 4 },
	{ "screenshot", OPT_SCREENSHOT, "FILE", 0, "Save the desktop as PNG (headless)", 4 },
	{ "json", OPT_JSON, NULL, 0, "Timings as JSON (headless)", 4 },
	{ "hold", OPT_HOLD, "SECONDS", 0, "Keep the session open afterwards (headless)", 4 },
	{ "hold-until-eof", OPT_HOLD_UNTIL_EOF, NULL, 0,
	  "Keep it open until standard input ends (headless)", 4 },
	{ "type", OPT_TYPE, "TEXT", 0, "Type this into the desktop, then wait again (headless)", 4 },
	{ "max-frames-wait", OPT_FRAME_DEADLINE, "SECONDS", 0,
	  "Give up when there is no picture by then, default 60 (headless)", 4 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "Tell on standard error what happens", 5 },
	{ 0 }
};

struct parse {
	struct options *options;
	const char *config, *broker, *ca_file, *size, *language;
	int fullscreen;		/* -1: not said */
};

static int64_t seconds(struct argp_state *state, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= 1e6))
		argp_error(state, "'%s' is not a number of seconds", text);
	return (int64_t)(value * 1000);
}

static error_t on_flag(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct options *o = p->options;

	switch (key) {
	case OPT_BROKER: p->broker = arg; break;
	case OPT_CA: p->ca_file = arg; break;
	case OPT_CONFIG: p->config = arg; break;
	case OPT_USER: o->user = arg; break;
	case OPT_PASSWORD_FILE: o->password_file = arg; break;
	case OPT_NEW_PASSWORD_FILE: o->new_password_file = arg; break;
	case OPT_CODE_FILE: o->code_file = arg; break;
	case OPT_POOL: o->pool = arg; break;
	case OPT_FULLSCREEN: p->fullscreen = 1; break;
	case OPT_WINDOWED: p->fullscreen = 0; break;
	case OPT_SIZE: p->size = arg; break;
	case OPT_LANGUAGE: p->language = arg; break;
	case OPT_HEADLESS: o->headless = true; break;
	case OPT_SCREENSHOT: o->screenshot = arg; break;
	case OPT_JSON: o->json = true; break;
	case OPT_HOLD: o->hold_ms = seconds(state, arg); break;
	case OPT_HOLD_UNTIL_EOF: o->hold_until_eof = true; break;
	case OPT_TYPE: o->type_text = arg; break;
	case OPT_FRAME_DEADLINE: o->frame_deadline_ms = seconds(state, arg); break;
	case OPT_VERBOSE: o->verbose = true; break;
	case ARGP_KEY_ARG: argp_error(state, "'%s' is one argument too many", arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void usage_error(const char *text)
{
	fprintf(stderr, "genkan-client: %s\nTry 'genkan-client --help'.\n", text);
	exit(EXIT_USAGE);
}

int options_parse_size(const char *text, int *width, int *height)
{
	int w, h, len = 0;

	if (sscanf(text, "%4dx%4d%n", &w, &h, &len) != 2 || text[len])
		return -EINVAL;
	if (w < 200 || h < 200 || w > 8192 || h > 8192)
		return -EINVAL;
	*width = w;
	*height = h;
	return 0;
}

int options_parse_layout(const char *text, uint32_t *out)
{
	char *end;

	if (strcmp(text, "auto") == 0) {
		*out = 0;
		return 0;
	}
	errno = 0;
	unsigned long value = strtoul(text, &end, 0);

	if (errno || end == text || *end || value == 0 || value > UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

void options_describe(struct buf *out)
{
	config_describe(keys, ARRAY_LEN(keys), out);
}

static void load_file(const char *path, struct options *out)
{
	OWNED(buf_done) struct buf problems = { 0 };
	const char *use = path ? path : OPTIONS_CONFIG_PATH;

	/* The usual file may be missing: everything can be said on the command line. */
	if (!path && access(use, F_OK) != 0)
		use = NULL;
	if (config_load(use, keys, ARRAY_LEN(keys), out, &problems) == 0)
		return;
	fprintf(stderr, "%s", buf_text(&problems));
	exit(EXIT_USAGE);
}

static void replace(char **slot, const char *text)
{
	if (!text)
		return;
	free(*slot);
	*slot = xstrdup(text);
}

static void check_headless(const struct options *o)
{
	if (o->headless && (!o->user || !o->password_file))
		usage_error("--headless needs --user and --password-file");
	if (!o->headless && (o->screenshot || o->json || o->type_text || o->hold_ms ||
			     o->hold_until_eof))
		usage_error("--screenshot, --json, --type and --hold need --headless");
	if (!o->headless && (o->new_password_file || o->code_file))
		usage_error("--new-password-file and --code-file need --headless");
	if (o->password_file && !o->user)
		usage_error("--password-file needs --user");
	if (o->hold_until_eof && o->password_file && strcmp(o->password_file, "-") == 0)
		usage_error("standard input cannot be both the password and the hold");
}

static void check(struct options *o)
{
	if (!*o->broker)
		usage_error("which broker? Give --broker or set it in " OPTIONS_CONFIG_PATH);
	if (options_parse_size(o->window, &o->width, &o->height))
		usage_error("the size must be WIDTHxHEIGHT, 200x200 to 8192x8192");
	if (options_parse_layout(o->keyboard_layout, &o->keyboard_layout_id))
		usage_error("keyboard_layout must be auto or a number");
	if (strcmp(o->language, "auto") != 0 && strcmp(o->language, "en") != 0 &&
	    strcmp(o->language, "ja") != 0)
		usage_error("the language must be en or ja");
	check_headless(o);
}

static void print_version(FILE *stream, struct argp_state *state)
{
	fprintf(stream, "genkan-client %s\n", GENKAN_VERSION);
}

void options_load(int argc, char **argv, struct options *out)
{
	static const struct argp argp = {
		.options = flags,
		.parser = on_flag,
		.doc = "Signs in to a Genkan broker and shows the desktop.\v"
		       "Exit status: 0 all went well, 1 it did not (the reason code is on standard "
		       "error), 2 the command line or the configuration is wrong.",
	};
	struct parse parse = { .options = out, .fullscreen = -1 };

	*out = (struct options){ .frame_deadline_ms = 60000 };
	argp_program_version_hook = print_version;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &parse);

	load_file(parse.config, out);
	replace(&out->broker, parse.broker);
	replace(&out->ca_file, parse.ca_file);
	replace(&out->window, parse.size);
	replace(&out->language, parse.language);
	if (parse.fullscreen >= 0)
		out->fullscreen = parse.fullscreen;
	check(out);
}

void options_done(struct options *options)
{
	config_done(keys, ARRAY_LEN(keys), options);
}
