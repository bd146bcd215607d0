/* SPDX-License-Identifier: Apache-2.0 */
/* cliprdr.h - clipboard messages (MS-RDPECLIP 2.2), whole ones: parsed into values and written anew,
 * so that nothing goes through that was not understood. */
#ifndef GENKAN_HOSTAGENT_RDP_CLIPRDR_H
#define GENKAN_HOSTAGENT_RDP_CLIPRDR_H

#include "hostagent/rdp/pdu.h"

#define CLIPRDR_HEADER_LEN 8
/* Most bytes of a transferred content, NUL included: 32767 characters of UTF-16. */
#define CLIPRDR_TEXT_MAX 65536
#define CLIPRDR_NAME_MAX 64

enum cliprdr_type {
	CLIPRDR_MONITOR_READY = 1,
	CLIPRDR_FORMAT_LIST = 2,
	CLIPRDR_FORMAT_LIST_RESPONSE = 3,
	CLIPRDR_DATA_REQUEST = 4,
	CLIPRDR_DATA_RESPONSE = 5,
	CLIPRDR_TEMP_DIRECTORY = 6,
	CLIPRDR_CAPABILITIES = 7,
	CLIPRDR_FILE_REQUEST = 8,
	CLIPRDR_FILE_RESPONSE = 9,
	CLIPRDR_LOCK = 10,
	CLIPRDR_UNLOCK = 11,
};

#define CLIPRDR_OK 0x0001u
#define CLIPRDR_FAIL 0x0002u
#define CLIPRDR_ASCII_NAMES 0x0004u

#define CLIPRDR_USE_LONG_NAMES 0x00000002u	/* the one capability that is passed on */

struct cliprdr_message {
	enum cliprdr_type type;
	uint16_t flags;
	struct span body;
};

/* The header must say how long the body is. Up to four bytes behind it are read over: xrdp and
 * rdesktop pad their messages. */
int cliprdr_parse(struct span in, struct cliprdr_message *out, const char **why);
/* Both: the header, then `body`. */
void cliprdr_encode(enum cliprdr_type type, uint16_t flags, struct span body, struct buf *out);

/* The general flags of a capabilities body (2.2.2.1); 0 without a general set. */
int cliprdr_capabilities_parse(struct span body, uint32_t *flags, const char **why);
void cliprdr_capabilities_encode(uint32_t flags, struct buf *out);

struct cliprdr_format {
	uint32_t id;
	char name[CLIPRDR_NAME_MAX];	/* printable ASCII, cut; "CF_DIB" for a known id without one,
					 * "format 1234" for others */
};

/* The next format of a list body (2.2.3.1): 1, 0 at its end, or -EBADMSG. */
int cliprdr_format_next(struct reader *r, bool long_names, bool ascii_names,
			struct cliprdr_format *out, const char **why);
/* What the list of a format without a name looks like. */
void cliprdr_format_put(uint32_t id, bool long_names, struct buf *out);

/* Fills a name for an id that came without one. */
void cliprdr_format_name(uint32_t id, char out[CLIPRDR_NAME_MAX]);

#endif
