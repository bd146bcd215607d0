/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/restore.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/audit/audit.h"
#include "broker/authority.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"

#define STORE_MAX (INT64_C(4) << 30)

/* Opens it, which brings an older one up to date, and looks at all of it. */
static int look_at(const char *copy, struct buf *said, struct error *err)
{
	OWNED(store_close) struct store *store = NULL;
	OWNED(store_host_list_done) struct store_host_list hosts = { 0 };
	OWNED(store_pool_list_done) struct store_pool_list pools = { 0 };
	struct audit row = { .who = "restore", .what = "restored", .reason = REASON_OK };
	int64_t rows = 0;
	int rc = store_open(copy, &store, err);

	if (rc < 0 || (rc = store_check(store, said, err)) < 0 ||
	    (rc = store_audit_verify(store, &rows, err)) < 0 ||
	    (rc = store_hosts(store, &hosts, err)) < 0 ||
	    (rc = store_pools(store, &pools, err)) < 0 ||
	    (rc = audit_append(store, &row, err)) < 0 || (rc = store_restored(store, err)) < 0)
		return rc;
	buf_printf(said, "%zu pools, %zu hosts, %lld rows of the audit log\n", pools.count,
		   hosts.count, (long long)rows);
	return 0;
}

int broker_restore(const struct broker_config *config, const char *file, struct buf *said,
		   struct error *err)
{
	OWNED(buf_done) struct buf bytes = BUF_LIMIT(STORE_MAX);
	OWNED(buf_done) struct buf copy = BUF_LIMIT(4096);
	OWNED(buf_done) struct buf aside = BUF_LIMIT(4096);
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	buf_printf(&copy, "%s.restoring", paths.store);
	buf_printf(&aside, "%s.before-%lld", paths.store, (long long)(clock_wall_ms() / 1000));
	if (rc < 0 || (rc = file_read(file, STORE_MAX, &bytes, err)) < 0)
		return rc;
	if (bytes.len == 0)
		return error_set(err, EINVAL, "%s: is empty", file);
	if (access(paths.store, F_OK) == 0 && (rc = store_close_log(paths.store, err)) < 0)
		return rc;
	rc = file_write(buf_text(&copy), buf_span(&bytes), 0600, err);
	if (rc == 0)
		rc = look_at(buf_text(&copy), said, err);
	if (rc == 0)
		rc = store_replace(paths.store, buf_text(&copy), buf_text(&aside), err);
	if (rc < 0) {
		unlink(buf_text(&copy));
		return rc;
	}
	buf_printf(said, "%s: restored; what was there is %s\n", paths.store, buf_text(&aside));
	return 0;
}
