/* SPDX-License-Identifier: Apache-2.0 */
/* audit_syslog.h - the audit log, row by row, to the system's log (syslog, journald) as JSON lines.
 *
 * Rows are sent when they are durable, in their order, with their hashes, so that `genkanctl audit
 * verify` checks what arrived as well. How far it has come is in the store: rows that the system's
 * log did not take, or that were written while the broker was down, are sent later; a row may come
 * twice when the broker ends right behind it, its id tells. Loop thread. */
#ifndef GENKAN_AUDIT_AUDIT_SYSLOG_H
#define GENKAN_AUDIT_AUDIT_SYSLOG_H

#include "broker/broker.h"

struct audit_syslog;

/* NULL when the settings name no socket. */
struct audit_syslog *audit_syslog_new(struct broker *broker);
void audit_syslog_free(struct audit_syslog *log);
DEFINE_OWNED(audit_syslog_free, struct audit_syslog);

#endif
