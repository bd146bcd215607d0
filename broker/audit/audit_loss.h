/* SPDX-License-Identifier: Apache-2.0 */
/* audit_loss.h - a process of the broker has ended by itself: a row of the audit log, and counted.
 * It may have crashed for a reason of its own, or somebody was inside. Loop thread only. */
#ifndef GENKAN_AUDIT_AUDIT_LOSS_H
#define GENKAN_AUDIT_AUDIT_LOSS_H

#include "broker/broker.h"

/* The texts are literals. `unanswered`: what it had been asked and had not answered. */
void audit_loss(struct broker *broker, const char *process, const char *why, unsigned unanswered);

#endif
