/* SPDX-License-Identifier: Apache-2.0 */
/* Pools out of the broker as files, one in an editor, and files looked at without a broker. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "ctl/pool_diff.h"
#include "ctl/pool_file.h"
#include "ctl/pool_schema.h"
#include "ctl/pool_set.h"

#define FILE_MAX (128 * 1024)
#define SCHEMA_LINE "# yaml-language-server: $schema=/usr/share/genkan/pool.schema.json\n"

static int no_such_pool(const char *name, struct error *err)
{
	return error_set(err, ENOENT, "%s: there is no such pool", name);
}

static int export_one(struct ctl *ctl, const struct pool *pool, bool first, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf path = BUF_LIMIT(4096);

	if (ctl->args.out)
		buf_put_text(&text, SCHEMA_LINE);
	else if (!first)
		buf_put_text(&text, "---\n");
	pool_file_write(pool, &text);
	if (!ctl->args.out)
		return fputs(buf_text(&text), stdout) < 0 ? error_errno(err, "write") : 0;
	buf_printf(&path, "%s/%s.yaml", ctl->args.out, pool->name);
	return file_write(buf_text(&path), buf_span(&text), 0644, err);
}

int pool_export(struct ctl *ctl, struct error *err)
{
	OWNED(pool_set_done) struct pool_set set = { 0 };
	const struct arguments *args = &ctl->args;
	int rc = pool_set_load(ctl, &set, err);

	if (rc == 0 && args->out)
		rc = file_make_dirs(args->out, 0755, err);
	for (size_t i = 0; i < args->count && rc == 0; i++)
		if (pool_set_find(&set, args->values[i]) < 0)
			rc = no_such_pool(args->values[i], err);
	for (size_t i = 0, done = 0; i < set.count && rc == 0; i++) {
		bool wanted = args->count == 0;

		for (size_t v = 0; v < args->count; v++)
			wanted |= strcmp(args->values[v], set.pools[i].name) == 0;
		if (wanted)
			rc = export_one(ctl, &set.pools[i], done++ == 0, err);
	}
	return rc;
}

/* $VISUAL, $EDITOR or vi; both may be a command with options. */
static int run_editor(const char *path, struct error *err)
{
	const char *editor = getenv("VISUAL");
	int status;

	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	pid_t pid = fork();
	if (pid < 0)
		return error_errno(err, "fork");
	if (pid == 0) {
		OWNED(buf_done) struct buf command = { 0 };

		buf_printf(&command, "%s \"$1\"", editor);
		execl("/bin/sh", "sh", "-c", buf_text(&command), "sh", path, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		return error_set(err, ECANCELED, "%s ended without success: nothing was changed",
				 editor);
	return 0;
}

static int edit(const char *path, struct pool *pool, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	int rc = run_editor(path, err);

	if (rc < 0 || (rc = file_read(path, FILE_MAX, &text, err)) < 0)
		return rc;
	if (pool_file_parse(path, buf_span(&text), pool, &problems) == 0)
		return 0;
	fputs(buf_text(&problems), stderr);
	return error_set(err, EINVAL, "nothing was changed");
}

static int send_edited(struct ctl *ctl, const struct pool *before, const struct pool *after,
		       const char *version, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(buf_done) struct buf lines = { 0 };

	if (strcmp(before->name, after->name) != 0)
		return error_set(err, EINVAL, "the name of a pool cannot be changed");
	pool_diff_lines(before, after, &lines);
	if (lines.len == 0)
		return puts("nothing to change") < 0 ? error_errno(err, "write") : 0;

	int rc = pool_set_put_one(ctl, after, version, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("update %s\n%s", after->name, buf_text(&lines));
	return 0;
}

int pool_edit(struct ctl *ctl, struct error *err)
{
	OWNED(pool_set_done) struct pool_set set = { 0 };
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(free) struct pool *after = xnew(struct pool);
	const char *name = ctl->args.values[0];
	char path[] = "/tmp/genkan-pool-XXXXXX.yaml";
	int rc = pool_set_load(ctl, &set, err);
	int at = pool_set_find(&set, name);

	if (rc < 0 || at < 0)
		return rc < 0 ? rc : no_such_pool(name, err);
	int fd = mkostemps(path, 5, O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	close(fd);
	buf_put_text(&text, SCHEMA_LINE);
	pool_file_write(&set.pools[at], &text);
	rc = file_write(path, buf_span(&text), 0600, err);
	if (rc == 0)
		rc = edit(path, after, err);
	if (rc == 0)
		rc = send_edited(ctl, &set.pools[at], after, set.versions[at], err);
	if (rc < 0 && rc != -ECANCELED)
		fprintf(stderr, "genkanctl: what you wrote is in %s\n", path);
	else
		unlink(path);
	return rc;
}

int pool_check_files(struct ctl *ctl, struct error *err)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };

	if (pool_files_load(ctl->args.values, ctl->args.count, &files, &problems) < 0) {
		fputs(buf_text(&problems), stderr);
		return error_set(err, EINVAL, "not valid");
	}
	printf("%zu pools: valid\n", files.count);
	return 0;
}

int pool_print_schema(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *schema = pool_schema();

	json_dumpf(schema, stdout, JSON_INDENT(2));
	return putchar('\n') < 0 ? error_errno(err, "write") : 0;
}
