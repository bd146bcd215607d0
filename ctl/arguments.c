/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/arguments.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct arguments, member)

static const struct option options[] = {
	{ "--broker", "HOST:PORT", AT(broker), true, "the broker's address" },
	{ "--ca", "FILE", AT(ca), true, "CA that signed the broker's certificate" },
	{ "--certificate", "FILE", AT(certificate), true, "admin certificate" },
	{ "--key", "FILE", AT(key), true, "its key" },
	{ "--config", "FILE", AT(config), true, "profile with the four above" },
	{ "--site", "NAME", AT(site), true, "profile of another site: ~/.config/genkan/sites/NAME.conf" },
	{ "--json", NULL, AT(json), true, "print JSON for scripts" },
	{ "--help", NULL, AT(help), true, "this text" },
	{ "--version", NULL, AT(version), true, "print the version" },
	{ "--image-dir", "DIR", AT(image_dir), false, "folder of images that hosts share, instead of the broker" },
	{ "--channel", "NAME", AT(channel), false, "stable (default) or canary" },
	{ "--publication", "N", AT(publication), false, "that one instead of the usual" },
	{ "--to", "N", AT(publication), false, "that one instead of the one before" },
	{ "--limit", "N", AT(limit), false, "at most so many, the newest" },
	{ "--user", "NAME", AT(user), false, "the user's name" },
	{ "--pool", "NAME", AT(pool), false, "the pool's name" },
	{ "--hours", "N", AT(hours), false, "how long, at most 24" },
	{ "--reason", "TEXT", AT(reason), false, "why; kept in the audit log" },
	{ "--device", "KIND", AT(device), false, "drive (default), the only kind there is" },
	{ "--out", "FILE", AT(out), false, "where to write it" },
	{ "--probe", "FILE", AT(probe), false, "the lawless client (genkan-probe)" },
	{ "--seen", "VERSION", AT(seen), false, "only if pools are still as diff saw them" },
	{ "--since", "WHEN", AT(since), false, "2h, 3d, 2026-11-23 or \"2026-11-23 08:00\"" },
	{ "--all", NULL, AT(all), false, "all of them" },
	{ "--password-file", "FILE", AT(password_file), false, "the password; - reads it" },
	{ "--new-password-file", "FILE", AT(new_password_file), false, "the new one" },
	{ "--names", "\"NAME ...\"", AT(names), false, "names and addresses clients use for the broker" },
	{ "--directory", "URI", AT(directory), false, "the directory: ldaps://HOST" },
	{ "--directory-ca", "FILE", AT(directory_ca), false, "CA that signed its certificate" },
	{ "--base-dn", "DN", AT(base_dn), false, "where people are in it" },
	{ "--bind-dn", "DN", AT(bind_dn), false, "account that searches" },
	{ "--admin", "NAME", AT(admin), false, "also a certificate for this administrator" },
	{ "--agent", "HOST:PORT", AT(agent), false, "where hosts reach the broker (port 8444)" },
	{ "--relay-address", "HOST:PORT", AT(relay_address), false, "where clients reach this host" },
	{ "--trial", NULL, AT(trial), false, "emulate where KVM does not work: for trials only" },
	{ "--banner", NULL, AT(banner), false, "also as a line in genkan-client" },
	{ "--force", NULL, AT(force), false, "although it still has desktops; needs --reason" },
	{ "--wait", "MINUTES", AT(wait), false, "until it is empty, at most so long" },
	{ "--denied", NULL, AT(denied), false, "only what was refused" },
};

const struct option *arguments_option(size_t i)
{
	return i < ARRAY_LEN(options) ? &options[i] : NULL;
}

static const struct option *find_option(const char *text, const char **value)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strlen(options[i].name) != len || memcmp(options[i].name, text, len) != 0)
			continue;
		*value = text[len] ? text + len + 1 : NULL;
		return &options[i];
	}
	return NULL;
}

/* "image-dir,channel" holds "--channel" */
bool arguments_takes(const struct command *command, const struct option *option)
{
	const char *name = option->name + 2;
	size_t len = strlen(name);

	if (option->common)
		return true;
	for (const char *p = command ? command->options : ""; *p;) {
		size_t part = strcspn(p, ",");

		if (part == len && memcmp(p, name, len) == 0)
			return true;
		p += part + (p[part] == ',');
	}
	return false;
}

static int find_command(struct arguments *a, const struct command **out, struct error *err)
{
	const char *noun = a->count > 0 ? a->values[0] : NULL;
	const char *verb = a->count > 1 ? a->values[1] : NULL;
	bool noun_known = false;

	*out = NULL;
	for (size_t i = 0; noun && i < command_count; i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->noun, noun) != 0)
			continue;
		noun_known = true;
		if (c->verb && (!verb || strcmp(c->verb, verb) != 0))
			continue;
		*out = c;
		a->values += c->verb ? 2 : 1;
		a->count -= c->verb ? 2 : 1;
		return 0;
	}
	if (!noun)
		return error_set(err, EINVAL, "which command? See genkanctl --help");
	if (!noun_known)
		return error_set(err, EINVAL, "%s: no such command. See genkanctl --help", noun);
	if (!verb)
		return error_set(err, EINVAL, "%s: needs a verb. See genkanctl %s --help", noun, noun);
	return error_set(err, EINVAL, "%s %s: no such command. See genkanctl %s --help", noun, verb,
			 noun);
}

static int set_option(const struct option *option, const char *value, struct arguments *a,
		      struct error *err)
{
	void *slot = (char *)a + option->offset;

	if (!option->value && value)
		return error_set(err, EINVAL, "%s: takes no value", option->name);
	if (option->value && !value)
		return error_set(err, EINVAL, "%s: needs a value (%s)", option->name, option->value);
	if (option->value)
		*(const char **)slot = value;
	else
		*(bool *)slot = true;
	return 0;
}

/* Options out, values to the front. `given` remembers them for the check against the command. */
static int sort_out(int argc, char **argv, struct arguments *a, bool *given, struct error *err)
{
	bool only_values = false;
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		const char *value;

		if (only_values || argv[i][0] != '-' || strcmp(argv[i], "-") == 0) {
			argv[kept++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			only_values = true;
			continue;
		}
		const char *text = strcmp(argv[i], "-h") == 0 ? "--help" : argv[i];
		const struct option *option = find_option(text, &value);
		if (!option)
			return error_set(err, EINVAL, "%s: no such option. See genkanctl --help",
					 argv[i]);
		if (option->value && !value && i + 1 < argc)
			value = argv[++i];
		if (set_option(option, value, a, err) < 0)
			return -EINVAL;
		given[option - options] = true;
	}
	a->values = (const char *const *)argv + 1;
	a->count = (size_t)(kept - 1);
	return 0;
}

int arguments_parse(int argc, char **argv, const struct command **command, struct arguments *out,
		    struct error *err)
{
	bool given[ARRAY_LEN(options)] = { false };
	struct arguments a = { 0 };

	if (sort_out(argc, argv, &a, given, err) < 0)
		return -EINVAL;

	int rc = find_command(&a, command, err);
	*out = a;
	if (a.help || a.version)
		return 0;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (given[i] && !arguments_takes(*command, &options[i]))
			return error_set(err, EINVAL, "%s: is not an option of this command",
					 options[i].name);
	if (a.count < (*command)->least || a.count > (*command)->most)
		return error_set(err, EINVAL, "usage: genkanctl %s%s%s %s", (*command)->noun,
				 (*command)->verb ? " " : "",
				 (*command)->verb ? (*command)->verb : "", (*command)->usage);
	return 0;
}

static void put_command(const struct command *c, struct buf *out)
{
	OWNED(buf_done) struct buf line = BUF_LIMIT(256);

	buf_printf(&line, "%s%s%s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "",
		   *c->usage ? " " : "", c->usage);
	buf_printf(out, "  %-34s %s\n", buf_text(&line), c->help);
}

static void put_options(const struct command *command, bool common, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		OWNED(buf_done) struct buf line = BUF_LIMIT(128);

		if (options[i].common != common || (!common && !arguments_takes(command, &options[i])))
			continue;
		buf_printf(&line, "%s%s%s", options[i].name, options[i].value ? " " : "",
			   options[i].value ? options[i].value : "");
		buf_printf(out, "  %-34s %s\n", buf_text(&line), options[i].help);
	}
}

void arguments_help(const char *noun, const struct command *command, struct buf *out)
{
	buf_put_text(out, "usage: genkanctl COMMAND [OPTIONS]\n\nCommands:\n");
	for (size_t i = 0; i < command_count; i++)
		if (command ? command == &commands[i] :
			      !noun || strcmp(noun, commands[i].noun) == 0)
			put_command(&commands[i], out);
	if (command && *command->options) {
		buf_put_text(out, "\nOptions of this command:\n");
		put_options(command, false, out);
	}
	buf_put_text(out, "\nOptions:\n");
	put_options(NULL, true, out);
}
