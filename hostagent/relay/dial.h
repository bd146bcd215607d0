/* SPDX-License-Identifier: Apache-2.0 */
/* dial.h - one TCP connection to a guest, begun now and told later. Loop thread only. */
#ifndef GENKAN_RELAY_DIAL_H
#define GENKAN_RELAY_DIAL_H

#include "common/sys/loop.h"

struct dial;

/* `fd` is the connected non-blocking socket, which the callee now owns, or a negative errno. The
 * dial itself is over: free it whenever it suits. */
typedef void dial_fn(void *arg, int fd);

/* `address` is numeric. An immediate failure is told through `fn` as well. */
struct dial *dial_new(struct loop *loop, const char *address, uint16_t port, int64_t timeout_ms,
		      dial_fn *fn, void *arg);
void dial_free(struct dial *d);
DEFINE_OWNED(dial_free, struct dial);

#endif
