/* SPDX-License-Identifier: Apache-2.0 */
/* completion.h - what completes genkanctl's command line in a shell, made of the tables of commands
 * and options. Pure, but for completion_print(). */
#ifndef GENKAN_CTL_COMPLETION_H
#define GENKAN_CTL_COMPLETION_H

#include "ctl/ctl.h"

/* "bash", "zsh" or "fish"; -EINVAL: another one. */
int completion_write(const char *shell, struct buf *out, struct error *err) MUST_CHECK;

int completion_print(struct ctl *ctl, struct error *err);

#endif
