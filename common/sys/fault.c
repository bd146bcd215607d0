/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/fault.h"

#ifdef GENKAN_SANITIZED
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name)
{
	const char *path = getenv("GENKAN_FAULT_LOG");
	char line[80];
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;

	if (fd < 0)
		return;
	int len = snprintf(line, sizeof(line), "%s\n", name);
	if (write(fd, line, (size_t)len) < 0)
		perror(path);
	close(fd);
}

void fault_point(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static long passed;
	const char *wanted = getenv("GENKAN_FAULT");
	size_t len = strlen(name);

	note(name);
	if (!wanted || strncmp(wanted, name, len) != 0 || wanted[len] != ':')
		return;
	pthread_mutex_lock(&lock);
	if (++passed == strtol(wanted + len + 1, NULL, 10))
		raise(SIGKILL);
	pthread_mutex_unlock(&lock);
}
#else
typedef int fault_is_not_built_in;
#endif
