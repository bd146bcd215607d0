/* SPDX-License-Identifier: Apache-2.0 */
/* arguments.h - genkanctl's command line: which command, with which options. Pure. */
#ifndef GENKAN_CTL_ARGUMENTS_H
#define GENKAN_CTL_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/buf.h"
#include "common/base/error.h"

struct ctl;

struct arguments {
	/* for every command */
	const char *broker, *ca, *certificate, *key, *config;
	bool json, help, version;
	/* for some */
	const char *image_dir, *channel, *publication;
	const char *limit, *password_file, *new_password_file;
	const char *user, *pool, *hours, *reason, *device, *out, *probe, *since, *seen;
	const char *site, *names, *directory, *directory_ca, *base_dn, *bind_dn, *admin, *agent;
	const char *relay_address;
	const char *wait;
	bool all, denied, banner, trial, force;
	/* the rest */
	const char *const *values;
	size_t count;
};

struct command {
	const char *noun, *verb;	/* verb NULL: the noun is the whole command */
	const char *usage;		/* "NAME FILE" */
	const char *options;		/* names of its own options, comma separated, or "" */
	size_t least, most;		/* number of values */
	const char *help;
	int (*run)(struct ctl *ctl, struct error *err);
};

extern const struct command commands[];
extern const size_t command_count;

struct option {
	const char *name;
	const char *value;	/* what it takes; NULL: nothing */
	size_t offset;		/* in struct arguments */
	bool common;		/* for every command */
	const char *help;
};

/* The options one by one; NULL behind the last. */
const struct option *arguments_option(size_t i);
/* Common ones are taken by all commands, and by NULL. */
bool arguments_takes(const struct command *command, const struct option *option);

/* Finds the command and fills the options; options may stand anywhere, "--" ends them. `argv` is
 * reordered and kept. `out->help` alone needs no command, and `command` is then NULL or the
 * command that was named. -EINVAL is a usage error. */
int arguments_parse(int argc, char **argv, const struct command **command, struct arguments *out,
		    struct error *err) MUST_CHECK;

/* All commands; those of one noun; or one command with its options. NULL: any. */
void arguments_help(const char *noun, const struct command *command, struct buf *out);

#endif
