/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/sys/file.h"
#include "hostagent/child.h"
#include "hostagent/priv/process.h"
#include "hostagent/vm/argv.h"

enum { NOTE_LIMIT = 32, CMDLINE_LIMIT = 32768 };

static pid_t pid_noted(const struct hostagent_config *config, const char *id)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (file_read(desktop_path(config, id, DESKTOP_PID).text, NOTE_LIMIT, &text, NULL) < 0)
		return 0;
	long pid = strtol(buf_text(&text), NULL, 10);

	return pid > 1 && pid < 1L << 30 ? (pid_t)pid : 0;
}

/* The id in its command line: one that stood by was started before it was a desktop's. */
static void machine_of(const struct hostagent_config *config, const char *id, char out[VM_ID_SIZE])
{
	OWNED(buf_done) struct buf text = { 0 };
	bool other = file_read(desktop_path(config, id, DESKTOP_MACHINE).text, NOTE_LIMIT, &text,
			       NULL) == 0 && vm_id_valid(buf_text(&text));

	memcpy(out, other ? buf_text(&text) : id, VM_ID_SIZE);
}

static bool runs_machine(pid_t pid, const char *id)
{
	OWNED(buf_done) struct buf cmdline = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	return file_read(path, CMDLINE_LIMIT, &cmdline, NULL) == 0 &&
	       vm_argv_matches((const char *)cmdline.ptr, cmdline.len, id);
}

/* The pidfd is taken before the look at the command line: the pid cannot be another's between. */
int process_find(const struct hostagent_config *config, const char *id, pid_t *pid,
		 struct error *err)
{
	pid_t noted = pid_noted(config, id);
	char machine[VM_ID_SIZE];
	OWNED_FD int pidfd = noted ? pidfd_of(noted) : -ESRCH;

	machine_of(config, id, machine);
	if (pidfd < 0 || !runs_machine(noted, machine))
		return error_set(err, ESRCH, "desktop %s: no QEMU runs", id);
	*pid = noted;
	return steal_fd(&pidfd);
}
