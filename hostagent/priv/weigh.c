/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/priv/weigh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "common/sys/file.h"
#include "hostagent/priv/process.h"

int64_t weigh_parse_rollup(const char *text)
{
	const char *line = strstr(text, "\nPss:");
	char *end;

	if (!line)
		return -EBADMSG;
	line += strlen("\nPss:");
	long long kib = strtoll(line, &end, 10);

	return end == line || kib < 0 || strncmp(end, " kB", 3) != 0 ? -EBADMSG :
								     (int64_t)kib * 1024;
}

int weigh_desktop(const struct hostagent_config *config, const char *id, int64_t *pss_bytes,
		  struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	char path[64];
	pid_t pid;
	OWNED_FD int pidfd = process_find(config, id, &pid, err);

	if (pidfd < 0)
		return pidfd;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	int rc = file_read(path, 16384, &text, err);

	if (rc < 0)
		return rc;
	int64_t bytes = weigh_parse_rollup(buf_text(&text));

	if (bytes < 0)
		return error_set(err, EBADMSG, "%s: has no Pss", path);
	*pss_bytes = bytes;
	return 0;
}

int64_t weigh_templates(const struct hostagent_config *config)
{
	struct path folder = template_memory_dir(config);
	DIR *dir = opendir(folder.text);
	struct dirent *entry;
	int64_t bytes = 0;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			bytes += (int64_t)st.st_blocks * 512;
	}
	if (dir)
		closedir(dir);
	return bytes;
}
