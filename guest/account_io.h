/* SPDX-License-Identifier: Apache-2.0 */
/* account_io.h - the local account that a credential speaks of. Blocking. */
#ifndef GENKAN_GUEST_ACCOUNT_IO_H
#define GENKAN_GUEST_ACCOUNT_IO_H

#include "common/wire/guest_credential.h"

/* Creates the account with its uid, full name and home when missing. -EEXIST when the name or the
 * uid belongs to somebody else: a system account can never be entered. */
int account_ensure(const struct guest_credential *credential, struct error *err) MUST_CHECK;

/* The display name as the fifth field of passwd may hold it. */
void account_full_name(const char *display_name, char *out, size_t size);

/* -ENOENT when there is no such account. */
int account_find(const char *name, uint32_t *uid, uint32_t *gid, struct error *err) MUST_CHECK;

#endif
