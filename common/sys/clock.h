/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the only readers of clocks and of the system's randomness. */
#ifndef GENKAN_SYS_CLOCK_H
#define GENKAN_SYS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_monotonic_ms(void);	/* deadlines */
int64_t clock_monotonic_us(void);	/* measurements */
int64_t clock_wall_ms(void);		/* what people and other machines see; Unix epoch */

/* Fills from getrandom(2); aborts when the kernel has none. */
void random_bytes(void *out, size_t len);

/* Minutes since Monday 00:00, local time. */
int clock_week_minute(int64_t wall_ms);

#endif
