/* SPDX-License-Identifier: Apache-2.0 */
/* admission.h - who may connect: caps in total, per source and for those without a ticket.
 *
 * Pure. A source is an IPv4 address or an IPv6 /64: one machine owns all of the latter. */
#ifndef GENKAN_RELAY_ADMISSION_H
#define GENKAN_RELAY_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_LEN 16
struct source {
	uint8_t bytes[SOURCE_LEN];
};

struct admission;

enum admission_verdict { ADMIT, REFUSE_TOTAL, REFUSE_SOURCE, REFUSE_WAITING };

struct admission *admission_new(size_t max_total, size_t max_per_source, size_t max_waiting);
void admission_free(struct admission *a);

/* An IPv4 address in network order, or an IPv6 address. */
struct source source_of_ipv4(const uint8_t address[4]);
struct source source_of_ipv6(const uint8_t address[16]);

/* Counts the connection when it is admitted: it is then waiting. */
enum admission_verdict admission_enter(struct admission *a, struct source from);
/* It has shown a good ticket. */
void admission_proven(struct admission *a);
/* `waiting`: it never did. */
void admission_leave(struct admission *a, struct source from, bool waiting);

size_t admission_total(const struct admission *a);
size_t admission_waiting(const struct admission *a);
const char *admission_name(enum admission_verdict verdict);

#endif
