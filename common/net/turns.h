/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h - how many handshakes are under way at once.
 *
 * When everybody comes at one moment, a server that greets all of them has a thousand handshakes
 * half done, with all their memory, and the first ticket goes out late, or never: each is cut off
 * at its deadline. It is better to finish some before the next are let in; those wait in the
 * kernel's queue. A stranger who only stands there must not hold the others up, so a place is lost
 * soon: after TURN_SILENT_MS without a word, after TURN_MS in any case. No clock, no I/O. */
#ifndef GENKAN_NET_TURNS_H
#define GENKAN_NET_TURNS_H

#include <stdint.h>

#include "common/base/list.h"

enum {
	TURNS = 64,
	TURN_SILENT_MS = 20,
	TURN_MS = 250,
};

struct turn {
	struct list link; /* zeroed: holds no place */
	int64_t began_ms;
	bool spoke;
};

struct turns {
	struct list taken; /* oldest first */
	unsigned count;
};

void turns_init(struct turns *turns);
void turns_take(struct turns *turns, struct turn *turn, int64_t now_ms);
/* Also of one that has lost its place. */
void turns_leave(struct turns *turns, struct turn *turn);
void turns_expire(struct turns *turns, int64_t now_ms);
bool turns_full(const struct turns *turns);
/* For several: the door is not opened and closed for each. */
bool turns_free(const struct turns *turns);

#endif
