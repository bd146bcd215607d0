/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/account_io.h"

#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include "common/base/text.h"
#include "guest/account_add_io.h"
#include "guest/command_io.h"

#define USERADD_TIMEOUT_MS 20000

DEFINE_OWNED(fclose, FILE);

/* Read from the file: a static program has no name service. */
static struct passwd *passwd_next(FILE *file, const char *name, uint32_t uid)
{
	struct passwd *entry;

	while ((entry = fgetpwent(file)))
		if ((name && strcmp(entry->pw_name, name) == 0) || entry->pw_uid == uid)
			return entry;
	return NULL;
}

int account_find(const char *name, uint32_t *uid, uint32_t *gid, struct error *err)
{
	OWNED(fclose) FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	if (!file)
		return error_errno(err, "open /etc/passwd");
	entry = passwd_next(file, name, UINT32_MAX);
	if (!entry)
		return error_set(err, ENOENT, "no account %s", name);
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

void account_full_name(const char *display_name, char *out, size_t size)
{
	size_t len = utf8_prefix(span_text(display_name), size - 1);

	memcpy(out, display_name, len);
	out[len] = '\0';
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr(":,=\\\"", *c))
			*c = ' ';
}

static int add_with_useradd(const struct new_account *account, struct error *err)
{
	char uid[16];
	const char *const add[] = {
		"/usr/sbin/useradd", "-m", "-u",          uid, "-c", account->full_name, "-s",
		"/bin/bash",         "--", account->name, NULL
	};

	snprintf(uid, sizeof(uid), "%u", account->uid);
	return command_run(add, USERADD_TIMEOUT_MS, err);
}

static int account_create(const struct guest_credential *c, struct error *err)
{
	static const struct account_places places = { "/etc", "/etc/skel", "/home" };
	char full_name[GUEST_CREDENTIAL_NAME_MAX];
	const struct new_account account = { c->user, full_name, c->uid };
	int rc;

	account_full_name(c->display_name, full_name, sizeof(full_name));
	if (lckpwdf() < 0)
		return error_errno(err, "lock the table of accounts");
	rc = account_add(&places, &account, err);
	ulckpwdf();
	return rc == -EBUSY ? add_with_useradd(&account, err) : rc;
}

int account_ensure(const struct guest_credential *credential, struct error *err)
{
	OWNED(fclose) FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	if (!file)
		return error_errno(err, "open /etc/passwd");
	entry = passwd_next(file, credential->user, credential->uid);
	if (!entry)
		return account_create(credential, err);
	if (strcmp(entry->pw_name, credential->user) != 0 || entry->pw_uid != credential->uid)
		return error_set(err, EEXIST, "account %s, uid %u: taken by %s, uid %u",
				 credential->user, credential->uid, entry->pw_name, entry->pw_uid);
	return 0;
}
