/* SPDX-License-Identifier: Apache-2.0 */
/* ber.h - the few forms of X.690 BER (MCS connect PDUs) and X.691 PER (GCC, MCS domain PDUs) that
 * RDP uses. Readers set `bad` in the reader for what they do not accept. */
#ifndef GENKAN_HOSTAGENT_RDP_BER_H
#define GENKAN_HOSTAGENT_RDP_BER_H

#include "hostagent/rdp/pdu.h"

#define BER_BOOLEAN 0x01
#define BER_INTEGER 0x02
#define BER_OCTETS 0x04
#define BER_ENUMERATED 0x0a
#define BER_SEQUENCE 0x30

/* The content of one element; tags above 0xff are written in two bytes (0x7f65). Lengths may be
 * short, 0x81 or 0x82; indefinite lengths are bad. */
struct span ber_read(struct reader *r, uint16_t tag);
/* Unsigned, at most 32 bits. */
uint32_t ber_read_u32(struct reader *r, uint16_t tag);

void ber_put_header(struct buf *out, uint16_t tag, size_t length);
void ber_put_u32(struct buf *out, uint16_t tag, uint32_t value);
void ber_put_octets(struct buf *out, struct span content);
size_t ber_size(uint16_t tag, size_t length);	/* of an element with that content */
size_t ber_u32_size(uint32_t value);

/* PER length determinant: one byte below 0x80, else 15 bits with the top bit set. */
size_t per_read_length(struct reader *r);
void per_put_length(struct buf *out, size_t length);	/* the shortest form */
uint32_t per_read_u32(struct reader *r);	/* length 1, 2 or 4 and big-endian bytes */

#endif
