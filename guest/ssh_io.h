/* SPDX-License-Identifier: Apache-2.0 */
/* ssh_io.h - host keys of an SSH server, if the image has one. */
#ifndef GENKAN_GUEST_SSH_IO_H
#define GENKAN_GUEST_SSH_IO_H

#include "common/base/error.h"

/* Removes the host keys and ends the server, which has them in memory. */
int ssh_forget_keys(struct error *err) MUST_CHECK;

/* Makes new ones and starts the server again, in the background: nobody waits for it. */
void ssh_renew_keys(void);

#endif
