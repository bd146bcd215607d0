/* SPDX-License-Identifier: Apache-2.0 */
/* guest_account.h - under which account a person works inside a desktop. Pure. */
#ifndef GENKAN_SESSION_GUEST_ACCOUNT_H
#define GENKAN_SESSION_GUEST_ACCOUNT_H

#include "common/base/cleanup.h"
#include <stddef.h>
#include <stdint.h>

/* The directory's name where a Linux account may be called so and no system account is, else "u-"
 * and 12 hex digits of the identity's hash. `out` needs 32 bytes. */
void guest_account_name(const char *user, const char *id, char *out, size_t size);
/* The directory's number when it is a person's, else one derived from the identity. */
int64_t guest_account_uid(int64_t uid_number, const char *id);

#endif
