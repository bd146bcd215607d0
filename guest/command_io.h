/* SPDX-License-Identifier: Apache-2.0 */
/* command_io.h - runs another program and waits for it. Blocking, bounded. */
#ifndef GENKAN_GUEST_COMMAND_IO_H
#define GENKAN_GUEST_COMMAND_IO_H

#include <stdint.h>
#include <sys/types.h>
#include "common/base/error.h"

/* Starts argv[0] (an absolute path) with standard input and output at /dev/null. */
int command_start(const char *const argv[], pid_t *out, struct error *err) MUST_CHECK;
/* 0 when it ended with exit status 0 in time; it is killed and reaped otherwise. */
int command_wait(pid_t pid, const char *name, int64_t timeout_ms, struct error *err) MUST_CHECK;
/* The same, with whatever exit status it ended. */
int command_status(const char *const argv[], int64_t timeout_ms, int *status,
		   struct error *err) MUST_CHECK;
/* Both. */
int command_run(const char *const argv[], int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
