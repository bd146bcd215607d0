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

/* Whether this is the one that the order means, "NAME:N". */
static bool is_its_turn(const char *name, const char *order, long *passed)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t len = strlen(name);

	note(name);
	if (!order || strncmp(order, name, len) != 0 || order[len] != ':')
		return false;
	pthread_mutex_lock(&lock);
	bool now = ++*passed == strtol(order + len + 1, NULL, 10);
	pthread_mutex_unlock(&lock);
	return now;
}

void fault_point(const char *name)
{
	static long passed;

	if (is_its_turn(name, getenv("GENKAN_FAULT"), &passed))
		raise(SIGKILL);
}

bool fault_fails(const char *name)
{
	static long passed;

	return is_its_turn(name, getenv("GENKAN_FAIL"), &passed);
}
#else
typedef int fault_is_not_built_in;
#endif
