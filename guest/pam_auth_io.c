/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "guest/account_io.h"
#include "guest/apply_io.h"
#include "guest/paths.h"

/* pam_exec writes the password and, in some versions, a NUL. */
static int read_password(struct secret *out, struct error *err)
{
	uint8_t bytes[SECRET_MAX];
	size_t len = 0;
	ssize_t n;
	int rc;

	while (len < sizeof(bytes) &&
	       (n = read(STDIN_FILENO, bytes + len, sizeof(bytes) - len)) > 0)
		len += (size_t)n;
	rc = secret_set(out, span_of(bytes, strnlen((const char *)bytes, len)));
	memory_wipe(bytes, sizeof(bytes));
	return rc < 0 ? error_set(err, -rc, "read the password") : 0;
}

/* Creating the file is what uses the credential up: of two that race only one succeeds. */
static int consume_nonce(const struct guest_credential *c, struct error *err)
{
	char nonce[2 * GUEST_CREDENTIAL_NONCE_LEN + 1];
	char path[sizeof(GUEST_USED_DIR) + sizeof(nonce) + 1];
	int fd;

	hex_encode(span_of(c->nonce, sizeof(c->nonce)), nonce);
	snprintf(path, sizeof(path), GUEST_USED_DIR "/%s", nonce);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, EKEYEXPIRED, "guest credential: used before");
	if (fd < 0)
		return error_errno(err, "create %s", path);
	close(fd);
	return 0;
}

int guest_pam_auth(struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	struct guest_expectation expected = { .user = getenv("PAM_USER"),
					      .now_ms = clock_wall_ms() };
	struct identity_record record;
	struct guest_credential credential;
	int rc;

	if (!expected.user)
		return error_set(err, EINVAL, "PAM_USER is not set; pam_exec calls this");
	rc = apply_load_record(&record, err);
	if (rc == 0)
		rc = read_password(&password, err);
	if (rc < 0)
		return rc;

	memcpy(expected.desktop, record.desktop, sizeof(expected.desktop));
	memcpy(expected.public_key, record.public_key, sizeof(expected.public_key));
	expected.epoch = (uint64_t)record.epoch;
	rc = guest_credential_verify(secret_span(&password), &expected, &credential, err);
	if (rc == 0)
		rc = consume_nonce(&credential, err);
	return rc < 0 ? rc : account_ensure(&credential, err);
}
