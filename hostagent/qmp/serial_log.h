/* SPDX-License-Identifier: Apache-2.0 */
/* serial_log.h - what a guest prints on its serial port, kept in a file that cannot grow: when it
 * is full it becomes NAME.1 and a new one begins. Loop thread only. */
#ifndef GENKAN_QMP_SERIAL_LOG_H
#define GENKAN_QMP_SERIAL_LOG_H

#include "common/sys/loop.h"

struct serial_log;

int serial_log_open(struct loop *loop, const char *socket_path, const char *file_path,
		    struct serial_log **out, struct error *err) MUST_CHECK;
void serial_log_free(struct serial_log *log);

#endif
