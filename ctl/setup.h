/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - what `genkanctl init` and `genkanctl host join` make on this machine. They never write
 * over a file that is there. */
#ifndef GENKAN_CTL_SETUP_H
#define GENKAN_CTL_SETUP_H

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/span.h"

#define SETUP_ETC "/etc/genkan"
#define SETUP_SHARE "/usr/share/genkan"
#define SETUP_BROKER_USER "genkan-broker"

/* A value for a key of a settings file; a key that the file lacks is put at its end. */
struct setup_value {
	const char *key, *value; /* value NULL: as the file has it */
};

/* The text of a settings file with other values; comments stay. Pure. */
void setup_fill_in(struct span text, const struct setup_value *values, size_t count,
		   struct buf *out);

/* SETUP_SHARE/NAME filled in, to SETUP_ETC/NAME. Says what it did; 0 also when it was there. */
int setup_settings(const char *name, const struct setup_value *values, size_t count,
		   struct error *err) MUST_CHECK;
/* A file of `user` (NULL: root). 0 also when there is one with this content; -EEXIST: another. */
int setup_file(const char *path, struct span content, mode_t mode, const char *user,
	       struct error *err) MUST_CHECK;

/* Runs a program to its end, as `user` (NULL: as we are), with `input` as its standard input (ours
 * when there is none); what
 * it writes goes where ours goes, or into `output`. -EIO when its status is not 0. */
int setup_run(const char *const argv[], const char *user, struct span input, struct buf *output,
	      struct error *err) MUST_CHECK;

/* This machine's full name, or its short one. */
void setup_host_name(char out[256]);
/* -EPERM unless we are root. */
int setup_needs_root(const char *command, struct error *err) MUST_CHECK;

#endif
