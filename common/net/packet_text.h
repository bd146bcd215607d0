/* SPDX-License-Identifier: Apache-2.0 */
/* packet_text.h - a text in a packet between two processes of a program: its length in 16 bits, big
 * endian, the bytes, and a NUL that the length leaves out. The reader borrows it as it lies there.
 */
#ifndef GENKAN_NET_PACKET_TEXT_H
#define GENKAN_NET_PACKET_TEXT_H

#include "common/base/buf.h"
#include "common/base/span.h"

/* A text without a NUL inside and with one behind; "" after a short read, never NULL. */
const char *packet_text_read(struct reader *r);
/* A text of more than `max` bytes, at most UINT16_MAX, fails the buffer. */
void packet_text_write(struct buf *out, const char *text, size_t max);

#endif
