/* SPDX-License-Identifier: Apache-2.0 */
/* genkanctl - the admin's command line, a client of the broker's API. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"

static int usage_error(const struct error *err)
{
	fprintf(stderr, "genkanctl: %s\n", err->text);
	return CTL_USAGE;
}

static int print_help(const struct arguments *args, const struct command *command)
{
	OWNED(buf_done) struct buf text = { 0 };

	arguments_help(args->count ? args->values[0] : NULL, command, &text);
	fputs(buf_text(&text), stdout);
	return CTL_DONE;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	const struct command *command;
	struct error err = { 0 };

	/* Only the character set: numbers and dates stay the same everywhere. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (arguments_parse(argc, argv, &command, &ctl.args, &err) < 0)
		return usage_error(&err);
	if (ctl.args.version)
		return puts("genkanctl " GENKAN_VERSION) < 0;
	if (ctl.args.help)
		return print_help(&ctl.args, command);

	int rc = command->run(&ctl, &err);
	ctl_done(&ctl);
	fflush(stdout); /* before what is said of it */
	if (rc < 0)
		fprintf(stderr, "genkanctl: %s\n", err.text[0] ? err.text : strerror(-rc));
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "genkanctl: write: %s\n", strerror(errno));
		return CTL_FAILED;
	}
	return (int)ctl_exit_status(&ctl, rc);
}
