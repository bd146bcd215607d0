/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

DEFINE_OWNED(seccomp_release, void);

/* ---------------------------------------------------------------------------- users and rights */

static int read_capabilities(struct __user_cap_data_struct out[2])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return (int)syscall(SYS_capget, &header, out);
}

bool sandbox_may_change_user(void)
{
	struct __user_cap_data_struct have[2] = { 0 };
	const unsigned needed = 1u << CAP_SETUID | 1u << CAP_SETGID;

	return read_capabilities(have) == 0 && (have[0].effective & needed) == needed;
}

/* Root without a user to change to keeps what root is: a test, or a container of its own. */
int sandbox_drop_rights(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (geteuid() == 0)
		return 0;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

void sandbox_close_process(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit locked = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* Else the next allocation over the limit would fail. */
	if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* ------------------------------------------------------------------------------ system calls */

static const int all_roles[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill), /* abort() */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(fcntl),
	SCMP_SYS(ioctl), /* FIONREAD, FIONBIO */
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
#ifdef GENKAN_SANITIZED /* reports of AddressSanitizer and the leak check at exit */
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(stat),
	SCMP_SYS(getdents64),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(wait4),
	SCMP_SYS(prctl),
	SCMP_SYS(ptrace),
	SCMP_SYS(getppid),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(kill),
	SCMP_SYS(getcwd),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(pipe2),
	SCMP_SYS(munlock),
#endif
};

static const int front_calls[] = {
	SCMP_SYS(accept4),                   /* whoever comes to the door it was given */
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), /* to them, and to the core */
	SCMP_SYS(shutdown),                  /* a connection that is over */
};

static const int directory_calls[] = {
	SCMP_SYS(connect),      /* to the directory, and to name servers */
	SCMP_SYS(sendto),       /* answers to the core; the resolver */
	SCMP_SYS(sendmsg),      /* TLS records */
	SCMP_SYS(sendmmsg),     /* the resolver asks for both families at once */
	SCMP_SYS(bind),         /* getaddrinfo() asks the kernel for its addresses, by netlink */
	SCMP_SYS(shutdown),     /* libldap, before it closes */
	SCMP_SYS(stat),         /* the resolver: has resolv.conf changed? */
	SCMP_SYS(access),       /* ld.so, when a module of nsswitch.conf is loaded */
	SCMP_SYS(faccessat),    /* the same */
	SCMP_SYS(faccessat2),   /* the same, newer glibc */
	SCMP_SYS(pread64),      /* headers of that module */
	SCMP_SYS(getdents64),   /* modules that look for configuration */
	SCMP_SYS(memfd_create), /* the certificates of the directory, when the core sends others */
	SCMP_SYS(dup3),         /* in place of those before */
	SCMP_SYS(fchmod),       /* read only */
};

static const int core_calls[] = {
	/* The store, keys, images and backups: what SQLite and file.c do. */
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(sendfile),
	SCMP_SYS(flock),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chmod),
	SCMP_SYS(umask),
	SCMP_SYS(fchown), /* SQLite as root: its files belong to whoever has the store's */
	SCMP_SYS(utimensat),
	/* Its processes. */
	SCMP_SYS(wait4),
	SCMP_SYS(waitid), /* the starter's end */
	/* glibc: limits of a new thread's stack, and how many processors there are. */
	SCMP_SYS(prlimit64),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getppid),
};

/* Nobody's but an intruder's. */
static const int fatal_calls[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(listen),
#ifndef GENKAN_SANITIZED
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
#endif
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(bpf),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(mount),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

/* Nothing is sent anywhere but through what is connected already, or to the system's log: the
 * doors are sockets of the core, too, and one that is let go of could be connected with by these.
 */
static int allow_core_sockets(scmp_filter_ctx filter)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				  SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));

	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1,
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
	return rc;
}

/* LDAP and DNS; services of this machine that know names; the kernel's list of addresses. */
static int allow_directory_sockets(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(families); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return rc;
}

#ifndef GENKAN_SANITIZED
/* Memory may be had, memory to run code in may not. */
static int allow_data_memory(scmp_filter_ctx filter)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return rc ? rc
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Threads of this process, no other process. clone3() hides what it wants behind a pointer; glibc
 * goes back to clone() without it. */
static int allow_threads(scmp_filter_ctx filter)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	return rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Files, and libraries: where names are looked up is chosen in nsswitch.conf, when it is first
 * done. */
static int allow_reading(scmp_filter_ctx filter)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
				  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));

	return rc ? rc
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, 0));
}
#endif

static int allow_role(scmp_filter_ctx filter, enum sandbox_role role)
{
	int rc = 0;

	switch (role) {
	case SANDBOX_FRONT:
		rc = add_all(filter, SCMP_ACT_ALLOW, front_calls, ARRAY_LEN(front_calls));
		break;
	case SANDBOX_DIRECTORY:
		rc = add_all(filter, SCMP_ACT_ALLOW, directory_calls, ARRAY_LEN(directory_calls));
		if (rc == 0)
			rc = allow_directory_sockets(filter);
#ifndef GENKAN_SANITIZED
		if (rc == 0)
			rc = allow_reading(filter);
#endif
		break;
	case SANDBOX_CORE:
		rc = add_all(filter, SCMP_ACT_ALLOW, core_calls, ARRAY_LEN(core_calls));
		if (rc == 0)
			rc = allow_core_sockets(filter);
		break;
	}
#ifndef GENKAN_SANITIZED
	if (rc == 0)
		rc = allow_data_memory(filter);
	if (rc == 0 && role != SANDBOX_FRONT)
		rc = allow_threads(filter);
#endif
	return rc;
}

int sandbox_enter(enum sandbox_role role, struct error *err)
{
	OWNED(seccomp_release) void *filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!filter)
		return error_set(err, ENOMEM, "seccomp");
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0) /* a tree instead of a list: the usual calls are found sooner */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_all(filter, SCMP_ACT_ALLOW, all_roles, ARRAY_LEN(all_roles));
	if (rc == 0)
		rc = allow_role(filter, role);
	if (rc == 0)
		rc = add_all(filter, SCMP_ACT_KILL_PROCESS, fatal_calls, ARRAY_LEN(fatal_calls));
	if (rc == 0)
		rc = seccomp_load(filter);
	return rc < 0 ? error_set(err, -rc, "seccomp") : 0;
}
