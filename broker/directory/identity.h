/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - the binary identities of Active Directory as text and in filters. Pure. */
#ifndef GENKAN_DIRECTORY_IDENTITY_H
#define GENKAN_DIRECTORY_IDENTITY_H

#include "common/base/buf.h"

#define GUID_TEXT_SIZE 37
#define SID_TEXT_SIZE 185	/* "S-1-", 15 digits, 15 sub-authorities of up to ten */

/* MS-DTYP 2.3.4: the first three fields are little endian. -EINVAL unless 16 bytes. */
int guid_text(struct span bytes, char out[GUID_TEXT_SIZE]);
/* The value for a filter: \xx\xx ... -EINVAL when `text` is no GUID. */
int guid_filter(const char *text, struct buf *out);

/* MS-DTYP 2.4.2: "S-1-5-21-...". -EINVAL when it is none. */
int sid_text(struct span bytes, char out[SID_TEXT_SIZE]);
/* The same domain, another account: the last part replaced. */
int sid_sibling(struct span bytes, uint32_t rid, char out[SID_TEXT_SIZE]);

#endif
