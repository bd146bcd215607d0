/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "common/sys/capability.h"

DEFINE_OWNED(seccomp_release, void);

static int find_user(const char *user, struct sandbox *box, struct error *err)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw || pw->pw_uid == 0)
		return error_set(err, EINVAL, "user %s: %s", user,
				 pw ? "sessions do not run as root" : "no such user");
	box->uid = pw->pw_uid;
	box->gid = pw->pw_gid;
	return 0;
}

static int drop_user(const struct sandbox *box, struct error *err)
{
	if (!box->is_root)
		return 0;
	if (box->uid == 0)
		return error_set(err, EINVAL, "no user id for the session");
	if (chroot(".") < 0 || chdir("/") < 0)
		return error_errno(err, "chroot");
	if (setgroups(0, NULL) < 0 || setresgid(box->gid, box->gid, box->gid) < 0 ||
	    setresuid(box->uid, box->uid, box->uid) < 0)
		return error_errno(err, "become uid %d", (int)box->uid);
	if (setuid(0) == 0)
		return error_set(err, EPERM, "still able to become root");
	return 0;
}

static int limit(int resource, rlim_t value, struct error *err)
{
	const struct rlimit r = { value, value };

	if (setrlimit((__rlimit_resource_t)resource, &r) < 0)
		return error_errno(err, "limit %d", resource);
	return 0;
}

static int set_limits(struct error *err)
{
	/* Descriptors: standard error, the parent, both sides; one more in flight. */
	if (limit(RLIMIT_NOFILE, 8, err) < 0 || limit(RLIMIT_NPROC, 0, err) < 0 ||
	    limit(RLIMIT_CORE, 0, err) < 0)
		return -EPERM;
#ifndef GENKAN_SANITIZED /* which reserves terabytes of address space and reports to a file */
	if (limit(RLIMIT_AS, 64 * 1024 * 1024, err) < 0 || limit(RLIMIT_FSIZE, 0, err) < 0)
		return -EPERM;
#endif
	return 0;
}

static const int allowed_calls[] = {
	SCMP_SYS(read),     /* TLS records */
	SCMP_SYS(write),    /* TLS records; a last word of the C library on standard error */
	SCMP_SYS(recvfrom), /* clear bytes before TLS */
	SCMP_SYS(sendto),   /* the same */
	SCMP_SYS(recvmsg),  /* the parent's answers and the guest's socket */
	SCMP_SYS(sendmsg),  /* questions and events to the parent */
	SCMP_SYS(poll),            /* waiting for the parent and both sides */
	SCMP_SYS(ppoll),           /* what poll() is on some machines */
	SCMP_SYS(restart_syscall), /* poll() after SIGSTOP, SIGCONT */
	SCMP_SYS(shutdown),        /* "that was the last byte" */
	SCMP_SYS(close),           /* a side that has ended */
	SCMP_SYS(brk),            /* malloc */
	SCMP_SYS(munmap),         /* malloc */
	SCMP_SYS(mremap),         /* malloc */
	SCMP_SYS(madvise),        /* malloc_trim */
	SCMP_SYS(clock_gettime),  /* where the kernel has no vDSO clock */
	SCMP_SYS(gettimeofday),   /* TLS, the same */
	SCMP_SYS(getrandom),      /* TLS */
	SCMP_SYS(getpid),         /* OpenSSL asks whether it was forked */
	SCMP_SYS(futex),          /* OpenSSL's locks */
	SCMP_SYS(rt_sigprocmask), /* abort() */
	SCMP_SYS(rt_sigreturn),   /* the end of a signal handler, of which there are none */
	SCMP_SYS(gettid), /* abort() */
	SCMP_SYS(tgkill), /* abort() */
	SCMP_SYS(exit),       /* the end, of which the parent is told by it */
	SCMP_SYS(exit_group), /* the same */
#ifdef GENKAN_SANITIZED	/* reports of AddressSanitizer and the leak check at exit */
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(lseek),
	SCMP_SYS(getdents64),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(wait4),
	SCMP_SYS(prctl),
	SCMP_SYS(ptrace),
	SCMP_SYS(getppid),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(ioctl),
	SCMP_SYS(uname),
	SCMP_SYS(getuid),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(kill),
	SCMP_SYS(getcwd),
#endif
};

/* Memory may be had, memory to run code in may not. */
static int allow_data_memory(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
}

/* How far away the client is, and no other question about a socket. */
static int allow_round_trip(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
				SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP, 0),
				SCMP_A2(SCMP_CMP_EQ, TCP_INFO, 0));
}

/* Translating takes a millisecond, ten times as long as a fork: not once a session. */
static int export_filter(void *filter, struct sock_fprog *out, struct error *err)
{
	OWNED_FD int fd = memfd_create("calls", MFD_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "memfd");
	int n = seccomp_export_bpf(filter, fd);
	if (n < 0)
		return error_set(err, -n, "seccomp");

	off_t size = lseek(fd, 0, SEEK_END);
	size_t count = (size_t)size / sizeof(*out->filter);
	struct sock_filter *calls = xcalloc(count, sizeof(*calls));

	if (pread(fd, calls, (size_t)size, 0) != size) {
		free(calls);
		return error_errno(err, "seccomp");
	}
	*out = (struct sock_fprog){ (unsigned short)count, calls };
	return 0;
}

static int translate_filter(struct sock_fprog *out, struct error *err)
{
	OWNED(seccomp_release) void *filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		return error_set(err, ENOMEM, "seccomp");
	for (size_t i = 0; i < ARRAY_LEN(allowed_calls); i++) {
		int n = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);

		if (n < 0)
			return error_set(err, -n, "seccomp rule %zu", i);
	}
	int n = allow_round_trip(filter);
#ifndef GENKAN_SANITIZED
	if (n == 0)
		n = allow_data_memory(filter);
#else
	(void)allow_data_memory;
#endif
	if (n < 0)
		return error_set(err, -n, "seccomp rule with arguments");
	return export_filter(filter, out, err);
}

static int filter_calls(const struct sandbox *box, struct error *err)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &box->calls) < 0)
		return error_errno(err, "seccomp");
	return 0;
}

#ifdef GENKAN_DRILL	/* the second wall alone: see tests/lib/relay_drill */
static bool sandbox_filters(const struct sandbox *box)
{
	return !box->unfiltered;
}
#else
static bool sandbox_filters(const struct sandbox *box)
{
	return true;
}
#endif

int sandbox_prepare(const char *user, struct sandbox *out, struct error *err)
{
	struct sandbox box = { .is_root = geteuid() == 0, .uid = geteuid(), .gid = getegid() };
	char folder[] = "/tmp/genkan-empty-XXXXXX";

	if (box.is_root) {
		if (user[0] && find_user(user, &box, err) < 0)
			return -EINVAL;
		/* A second wall behind the filter of system calls. A container that may not make
		 * namespaces has the first only. */
		(void)unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
		if (capability_drop(CAP_SYS_ADMIN, err) < 0)
			return -EPERM;
		/* Nobody can put anything into a folder that no name leads to. */
		if (!mkdtemp(folder) || chdir(folder) < 0 || rmdir(folder) < 0)
			return error_errno(err, "empty folder %s", folder);
	}
	if (translate_filter(&box.calls, err) < 0)
		return -EINVAL;
	*out = box;
	return 0;
}

int sandbox_enter(const struct sandbox *box, struct error *err)
{
	if (drop_user(box, err) < 0)
		return -EPERM;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, "prctl");
	if (set_limits(err) < 0)
		return -EPERM;
	return sandbox_filters(box) ? filter_calls(box, err) : 0;
}
