/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/guest_account.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/wire/guest_credential.h"
#include "common/wire/sha256.h"

#define DERIVED_FIRST 100000
#define DERIVED_COUNT 1000000
#define UID_LAST 0xfffffffd	/* the two above it mean "nobody" and "no change" */

/* Accounts a Debian guest has before anybody logs in: a person of that name is not them. */
static const char *const system_accounts[] = {
	"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp",
	"proxy", "www-data", "backup", "list", "irc", "gnats", "nobody", "messagebus", "polkitd",
	"rtkit", "sshd", "xrdp", "pulse", "avahi", "sudo", "adm", "shadow", "_apt",
};

static bool is_system_account(const char *user)
{
	if (str_starts(user, "systemd-"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(system_accounts); i++)
		if (strcmp(user, system_accounts[i]) == 0)
			return true;
	return false;
}

void guest_account_name(const char *user, const char *id, char *out, size_t size)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char hex[13];

	if (guest_account_name_valid(span_text(user)) && !is_system_account(user) &&
	    str_copy(out, size, user) == 0)
		return;
	sha256(id, strlen(id), hash);
	hex_encode(span_of(hash, 6), hex);
	snprintf(out, size, "u-%s", hex);
}

int64_t guest_account_uid(int64_t uid_number, const char *id)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (uid_number >= GUEST_UID_MIN && uid_number <= UID_LAST)
		return uid_number;
	sha256(id, strlen(id), hash);
	struct reader r = reader_of(span_of(hash, sizeof(hash)));
	return DERIVED_FIRST + read_u32be(&r) % DERIVED_COUNT;
}
