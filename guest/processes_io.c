/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/processes_io.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/buf.h"
#include "common/sys/file.h"

DEFINE_OWNED(closedir, DIR);

void processes_done(struct processes *list)
{
	free(list->items);
	*list = (struct processes){ 0 };
}

/* The owner of the folder would be root for programs that keep their memory to themselves. */
static bool read_status(pid_t pid, struct process *out, uint32_t *uid)
{
	OWNED(buf_done) struct buf text = { 0 };
	const char *parent, *user;
	char path[32], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, 65536, &text, NULL) < 0)
		return false;
	if (!(parent = strstr(buf_text(&text), "\nPPid:")) ||
	    !(user = strstr(buf_text(&text), "\nUid:")) ||
	    sscanf(buf_text(&text), "Name: %15[^\n]", out->name) != 1 ||
	    sscanf(parent, "\nPPid: %d", &out->parent) != 1 || sscanf(user, "\nUid: %u", uid) != 1)
		return false;
	const char *line = strstr(buf_text(&text), "\nState:");

	out->pid = pid;
	return line && sscanf(line, "\nState: %c", &state) == 1 && state != 'Z' && state != 'X';
}

static void append(struct processes *list, const struct process *process)
{
	if ((list->count & (list->count - 1)) == 0)	/* 0, 1, 2, 4, 8 ... are full */
		list->items = xrealloc(list->items, (list->count ? 2 * list->count : 1) *
							    sizeof(*list->items));
	list->items[list->count++] = *process;
}

void processes_of(uint32_t uid, struct processes *out)
{
	OWNED(closedir) DIR *dir = opendir("/proc");
	struct dirent *entry;

	*out = (struct processes){ 0 };
	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct process process = { 0 };
		uint32_t owner;

		if (pid > 1 && read_status(pid, &process, &owner) && owner == uid)
			append(out, &process);
	}
}

const struct process *processes_find(const struct processes *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].pid == pid)
			return &list->items[i];
	return NULL;
}

/* Started by the session manager, which is root's. */
static bool is_first(const struct processes *list, const struct process *process)
{
	return process->parent > 1 && !processes_find(list, process->parent);
}

enum process_rank processes_rank(const struct processes *list, const struct process *process)
{
	static const char *const displays[] = { "Xorg", "Xvnc", "xrdp-chansrv" };
	const struct process *parent = processes_find(list, process->parent);

	for (size_t i = 0; i < ARRAY_LEN(displays); i++)
		if (strcmp(process->name, displays[i]) == 0)
			return PROCESS_DISPLAY;
	if (is_first(list, process) || (parent && is_first(list, parent)) ||
	    strcmp(process->name, "dbus-daemon") == 0)
		return PROCESS_SESSION;
	return PROCESS_PROGRAM;
}

pid_t processes_manager(const struct processes *list)
{
	pid_t found = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct process *process = &list->items[i];

		if (!is_first(list, process))
			continue;
		if (processes_rank(list, process) == PROCESS_DISPLAY)
			return process->parent;
		found = process->parent;
	}
	return found;
}
