/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's state into a file while it runs, and back while it does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "ctl/ctl.h"
#include "ctl/settings.h"
#include "ctl/setup.h"

#define BACKUP_MAX (INT64_C(1) << 30)
#define BACKUP_MS 300000
#define BROKER_CONFIG SETUP_ETC "/broker.conf"

int store_backup(struct ctl *ctl, struct error *err)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(buf_done) struct buf bytes = BUF_LIMIT(BACKUP_MAX);
	const char *path = ctl->args.values[0];
	int rc;

	if (access(path, F_OK) == 0)
		return error_set(err, EEXIST, "%s is there already", path);
	if ((rc = ctl_connect(ctl, err)) < 0 ||
	    (rc = http_request_bytes(ctl->client, "POST", "/v1/admin/backup", span_text("{}"), NULL,
				     BACKUP_MS, &bytes, &result, err)) < 0)
		return rc;
	ctl->http_status = result.status;
	if (result.status != 200)
		return http_result_problem(&result, err);
	if (bytes.len < 100 || memcmp(bytes.ptr, "SQLite format 3", 16) != 0)
		return error_set(err, EBADMSG, "the broker's answer is no backup");
	if ((rc = file_write(path, buf_span(&bytes), 0600, err)) < 0)
		return rc;
	printf("%s: %zu bytes. Keys are not in it: keep a copy of the broker's state folder, "
	       "too.\n",
	       path, bytes.len);
	return 0;
}

int store_restore(struct ctl *ctl, struct error *err)
{
	const char *const active[] = { "systemctl", "--quiet", "is-active", "genkan-broker.service",
				       NULL };
	const char *const restore[] = {
		"/usr/sbin/genkan-broker", "--config", BROKER_CONFIG, "--restore", "-", NULL
	};
	const char *path = ctl->args.values[0];
	int rc = setup_needs_root("restore FILE", err);

	if (rc < 0)
		return rc;
	if (setup_run(active, NULL, (struct span){ 0 }, NULL, NULL) == 0)
		return error_set(err, EBUSY, "the broker runs: systemctl stop genkan-broker");
	/* The broker's account may not read the file: it comes as standard input. */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	if (dup2(fd, STDIN_FILENO) < 0)
		return error_errno(err, "%s", path);
	close(fd);
	rc = setup_run(restore, SETUP_BROKER_USER, (struct span){ 0 }, NULL, err);
	if (rc == 0)
		puts("Start it: systemctl start genkan-broker");
	return rc;
}
