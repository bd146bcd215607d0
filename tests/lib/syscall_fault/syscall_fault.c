/* SPDX-License-Identifier: Apache-2.0 */
/* syscall_fault - preloaded into the broker by tests: counts its calls of one kind and lets the Nth
 * go wrong, or ends the process there as a crash would.
 *
 * SYSCALL_FAULT names a file with "KIND N WHAT", read at each call, so that a test arms it while
 * the broker runs: KIND is write (pwrite64, write, ftruncate, fdatasync, fsync to files), sync,
 * malloc, or read (pread64 by a thread that only reads the store); WHAT is kill (SIGKILL before the
 * call), kill-after, EIO, ENOSPC, ENOMEM, or hold: the call waits in the FIFO of the same name with
 * ".hold" until the test, that has opened it to write, closes it. N 0 only counts. Sockets and pipes
 * are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { KIND_NONE, KIND_WRITE, KIND_SYNC, KIND_MALLOC, KIND_READ };
enum what { WHAT_COUNT, WHAT_KILL, WHAT_KILL_AFTER, WHAT_EIO, WHAT_ENOSPC, WHAT_ENOMEM, WHAT_HOLD };

struct order {	/* shared with the test through a mapped file */
	_Atomic int kind, what;
	_Atomic long at, count;
};

static struct order *order;
static _Thread_local int inside, only_reads;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SYSCALL_FAULT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		order = map;
}

static int is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* What to do at this call; counts it. */
static enum what due(enum kind kind)
{
	if (!order || inside || order->kind != (int)kind)
		return WHAT_COUNT;
	long n = atomic_fetch_add(&order->count, 1) + 1;
	return order->at && n == order->at ? (enum what)order->what : WHAT_COUNT;
}

static int error_of(enum what what)
{
	switch (what) {
	case WHAT_EIO:
		return EIO;
	case WHAT_ENOSPC:
		return ENOSPC;
	case WHAT_ENOMEM:
		return ENOMEM;
	default:
		return 0;
	}
}

static void hold(void)
{
	char path[4096], byte;

	snprintf(path, sizeof(path), "%s.hold", getenv("SYSCALL_FAULT"));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && read(fd, &byte, 1) > 0)
		continue;
	close(fd);
}

static void die(void)
{
	raise(SIGKILL);	/* kill(2) is not on the core's list of calls */
	for (;;)
		pause();
}

#define AROUND(type, kind, fd, call)                                                               \
	do {                                                                                       \
		enum what what = is_file(fd) ? due(kind) : WHAT_COUNT;                             \
		if (what == WHAT_KILL)                                                             \
			die();                                                                     \
		if (what == WHAT_HOLD)                                                             \
			hold();                                                                    \
		if (error_of(what)) {                                                              \
			errno = error_of(what);                                                    \
			return -1;                                                                 \
		}                                                                                  \
		type result = call;                                                                \
		if (what == WHAT_KILL_AFTER)                                                       \
			die();                                                                     \
		return result;                                                                     \
	} while (0)

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	REAL(pwrite64);
	AROUND(ssize_t, KIND_WRITE, fd, real(fd, bytes, len, at));
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	REAL(pwrite);
	AROUND(ssize_t, KIND_WRITE, fd, real(fd, bytes, len, at));
}

int ftruncate64(int fd, off64_t len)
{
	REAL(ftruncate64);
	AROUND(int, KIND_WRITE, fd, real(fd, len));
}

/* The name cannot be asked for later: prctl(2) is not on that list either. */
int pthread_setname_np(pthread_t thread, const char *name)
{
	REAL(pthread_setname_np);

	only_reads = pthread_equal(thread, pthread_self()) && strcmp(name, "store-read") == 0;
	return real(thread, name);
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
	REAL(pread64);

	if (!only_reads)
		return real(fd, bytes, len, at);
	AROUND(ssize_t, KIND_READ, fd, real(fd, bytes, len, at));
}

static int flush(int fd, int (*real)(int))
{
	if (order && order->kind == KIND_WRITE)
		AROUND(int, KIND_WRITE, fd, real(fd));
	AROUND(int, KIND_SYNC, fd, real(fd));
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	return flush(fd, real);
}

int fsync(int fd)
{
	REAL(fsync);
	return flush(fd, real);
}

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	enum what what = due(KIND_MALLOC);

	if (what == WHAT_ENOMEM) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(size);
}
