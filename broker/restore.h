/* SPDX-License-Identifier: Apache-2.0 */
/* restore.h - a backup becomes the store, while no broker runs. */
#ifndef GENKAN_BROKER_RESTORE_H
#define GENKAN_BROKER_RESTORE_H

#include "broker/config.h"

/* `file` is looked at first, in a copy: a store of this or an older Genkan, sound, with an unbroken
 * audit log. What was there is kept beside it. Says what it did in `said`. */
int broker_restore(const struct broker_config *config, const char *file, struct buf *said,
		   struct error *err) MUST_CHECK;

#endif
