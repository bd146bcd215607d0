/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "common/base/text.h"
#include "common/sys/file.h"
#include "hostagent/child.h"
#include "hostagent/network/network.h"
#include "hostagent/priv/cgroup.h"
#include "hostagent/priv/process.h"
#include "hostagent/priv/spawn.h"
#include "hostagent/priv/template_memory.h"

enum { FIRST_SPARE_FD = 32, TERM_MS = 3000, KILL_MS = 10000 };

struct launch {
	struct vm_argv argv;
	int fds[VM_FD_END];	/* index: the number QEMU knows it by; -1 = not open */
	int cgroup, log, status;
	uid_t uid;
	gid_t gid, kvm_gid;	/* kvm_gid 0: none */
	char pid_path[PATH_MAX];
};

static void launch_done(struct launch *launch)
{
	for (int i = VM_FD_QMP; i < VM_FD_END; i++)
		owned_fd_close(&launch->fds[i]);
	owned_fd_close(&launch->cgroup);
	owned_fd_close(&launch->log);
	vm_argv_done(&launch->argv);
}
DEFINE_OWNED_VALUE(launch_done, struct launch);

static int make_run_folder(const struct spawn_host *host, const char *id, struct error *err)
{
	struct path parent = host_path(host->config, HOST_RUN_DESKTOPS);
	struct path folder = desktop_path(host->config, id, DESKTOP_RUN);
	int rc = file_make_dirs(parent.text, 0755, err);

	if (rc < 0)
		return rc;
	if (mkdir(folder.text, 0700) < 0 && errno != EEXIST)
		return error_errno(err, "make %s", folder.text);
	if (chown(folder.text, host->agent_uid, host->agent_gid) < 0)
		return error_errno(err, "chown %s", folder.text);
	return 0;
}

/* A listening socket that the agent alone may connect to. */
static int listen_unix(const struct spawn_host *host, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	OWNED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_errno(err, "socket");
	if (str_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return error_set(err, ENAMETOOLONG, "socket path %s is too long", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0 ||
	    chmod(path, 0600) < 0 || chown(path, host->agent_uid, host->agent_gid) < 0)
		return error_errno(err, "listen on %s", path);
	return steal_fd(&fd);
}

static int open_sockets(const struct spawn_host *host, const char *id, struct launch *launch,
			struct error *err)
{
	static const struct { enum vm_fd fd; enum desktop_file file; } sockets[] = {
		{ VM_FD_QMP, DESKTOP_QMP }, { VM_FD_GUEST, DESKTOP_GUEST },
		{ VM_FD_QGA, DESKTOP_QGA }, { VM_FD_SERIAL, DESKTOP_SERIAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		struct path path = desktop_path(host->config, id, sockets[i].file);
		int fd = listen_unix(host, path.text, err);

		if (fd < 0)
			return fd;
		launch->fds[sockets[i].fd] = fd;
	}
	return 0;
}

/* A disk lies below a folder of the unprivileged agent: no link on the way from there, and nothing
 * but a plain file of its own. */
static int open_beneath(const struct spawn_host *host, const char *base, struct path path,
			uint64_t access, struct error *err)
{
	struct open_how how = { .flags = access | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	struct stat st;
	OWNED_FD int folder = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	OWNED_FD int fd = (int)syscall(SYS_openat2, folder, path.text + strlen(base) + 1, &how,
				       sizeof(how));

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", path.text);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != host->agent_uid)
		return error_set(err, EPERM, "%s: not a plain file of the agent", path.text);
	return steal_fd(&fd);
}

static int open_overlay(const struct spawn_host *host, const struct vm_spec *spec,
			enum vm_launch how, struct error *err)
{
	const struct hostagent_config *config = host->config;

	if (how == VM_LAUNCH_TEMPLATE)
		return open_beneath(host, config->state_dir,
				    template_path(config, spec->id, TEMPLATE_FILE_DISK), O_RDWR, err);
	return open_beneath(host, config->overlay_dir[0] ? config->overlay_dir : config->state_dir,
			    desktop_path(config, spec->id, DESKTOP_OVERLAY), O_RDWR, err);
}

static int open_disks(const struct spawn_host *host, const struct vm_spec *spec,
		      enum vm_launch how, struct launch *launch, struct error *err)
{
	struct path image = image_path(host->config, spec->image_sha256);
	struct path template = template_path(host->config, spec->template_id, TEMPLATE_FILE_DISK);

	launch->fds[VM_FD_OVERLAY] = open_overlay(host, spec, how, err);
	if (launch->fds[VM_FD_OVERLAY] < 0)
		return launch->fds[VM_FD_OVERLAY];
	if (spec->template_id[0]) {
		launch->fds[VM_FD_TEMPLATE] = open_beneath(host, host->config->state_dir, template,
							   O_RDONLY, err);
		if (launch->fds[VM_FD_TEMPLATE] < 0)
			return launch->fds[VM_FD_TEMPLATE];
	}
	launch->fds[VM_FD_IMAGE] = open(image.text, O_RDONLY | O_CLOEXEC);
	if (launch->fds[VM_FD_IMAGE] < 0)
		return error_errno(err, "open %s", image.text);
	return 0;
}

static int open_memory(const struct spawn_host *host, const struct vm_spec *spec,
		       enum vm_launch how, struct launch *launch, struct error *err)
{
	int *memory = &launch->fds[VM_FD_MEMORY], *state = &launch->fds[VM_FD_STATE];

	switch (how) {
	case VM_LAUNCH_BOOT:
		break;
	case VM_LAUNCH_TEMPLATE:
		return template_create(host->config, spec, launch->uid, memory, state, err);
	case VM_LAUNCH_CLONE:
	case VM_LAUNCH_STANDBY:
		return template_open(host->config, spec, memory, state, err);
	}
	return 0;
}

static void choose_identity(const struct spawn_host *host, const struct vm_spec *spec,
			    struct launch *launch)
{
	struct stat kvm;
	int64_t first = host->config->vm_uid_first;
	int64_t uid = first + vm_subnet_slot(&host->config->subnet, spec->address);

	launch->uid = first && geteuid() == 0 ? (uid_t)uid : host->agent_uid;
	launch->gid = first && geteuid() == 0 ? (gid_t)uid : host->agent_gid;
	if (host->accel == VM_ACCEL_KVM && stat("/dev/kvm", &kvm) == 0)
		launch->kvm_gid = kvm.st_gid;
}

static int prepare(const struct spawn_host *host, const struct vm_spec *spec, enum vm_launch how,
		   struct launch *launch, struct error *err)
{
	struct path log = desktop_path(host->config, spec->id, DESKTOP_QEMU_LOG);
	int rc;

	choose_identity(host, spec, launch);
	if ((rc = open_memory(host, spec, how, launch, err)) < 0 ||
	    (rc = make_run_folder(host, spec->id, err)) < 0 ||
	    (rc = open_sockets(host, spec->id, launch, err)) < 0 ||
	    (rc = open_disks(host, spec, how, launch, err)) < 0 ||
	    (rc = network_tap_open(spec->id, &launch->fds[VM_FD_TAP], err)) < 0)
		return rc;
	launch->log = open(log.text, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (launch->log < 0 || fchown(launch->log, host->agent_uid, host->agent_gid) < 0)
		return error_errno(err, "open %s", log.text);
	launch->cgroup = cgroup_open(spec);
	memcpy(launch->pid_path, desktop_path(host->config, spec->id, DESKTOP_PID).text, PATH_MAX);
	vm_argv_build(spec, how, host->accel, host->config->qemu, &launch->argv);
	return 0;
}

/* From here on in a child. The pid file is there before QEMU is: none can be forgotten. */
static bool note_pid(const struct launch *launch)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int fd = open(launch->pid_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool ok = fd >= 0 && write(fd, text, (size_t)len) == len;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Out of the way of the numbers that QEMU is told. */
static bool move_up(int *fd)
{
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
	return *fd >= 0;
}

static bool place_descriptors(struct launch *launch)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned status = (unsigned)launch->status;

	for (int i = VM_FD_QMP; i < VM_FD_END; i++)
		if (launch->fds[i] >= 0 && !move_up(&launch->fds[i]))
			return false;
	if (!move_up(&launch->log) || !move_up(&null))
		return false;
	for (int i = VM_FD_QMP; i < VM_FD_END; i++)
		if (launch->fds[i] < 0)
			close(i);
		else if (dup2(launch->fds[i], i) < 0)
			return false;
	return dup2(null, 0) >= 0 && dup2(launch->log, 1) >= 0 && dup2(launch->log, 2) >= 0 &&
	       syscall(SYS_close_range, VM_FD_END, status - 1, 0) == 0 &&
	       syscall(SYS_close_range, status + 1, ~0U, 0) == 0;
}

static bool drop_privileges(const struct launch *launch)
{
	if (geteuid() != 0)
		return true;
	return setgroups(launch->kvm_gid ? 1 : 0, &launch->kvm_gid) == 0 &&
	       setresgid(launch->gid, launch->gid, launch->gid) == 0 &&
	       setresuid(launch->uid, launch->uid, launch->uid) == 0;
}

static const char *become_qemu(struct launch *launch)
{
	static char path[] = "PATH=/usr/bin:/bin", language[] = "LC_ALL=C";
	/* Else each thread's memory grows by single pages, a system call for each. */
	static char arenas[] = "MALLOC_ARENA_MAX=1", step[] = "MALLOC_TOP_PAD_=1048576";
	static char *const environment[] = { path, language, arenas, step, NULL };
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	sigemptyset(&none);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (launch->cgroup >= 0 && write(launch->cgroup, "0", 1) != 1)
		return "enter its cgroup";
	if (!note_pid(launch))
		return "write its pid file";
	if (!place_descriptors(launch))
		return "place its descriptors";
	if (!drop_privileges(launch))
		return "take its uid";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
	    chdir("/") < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return "set its limits";
	umask(077);
	execve(launch->argv.items[0], launch->argv.items, environment);
	return "run QEMU";
}

struct outcome {
	pid_t pid;
	int code;	/* errno of the step that failed */
	char step[48];
};

/* The first child becomes a session of its own and leaves at once: QEMU belongs to init. */
static void __attribute__((noreturn)) detach(struct launch *launch)
{
	struct outcome outcome = { 0 };

	if (!move_up(&launch->status))
		_exit(1);
	setsid();
	pid_t pid = fork();

	if (pid != 0) {
		outcome = (struct outcome){ pid, pid < 0 ? errno : 0, "fork" };
		_exit(write(launch->status, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
	}
	const char *step = become_qemu(launch);

	outcome.code = errno;
	snprintf(outcome.step, sizeof(outcome.step), "%s", step);
	_exit(write(launch->status, &outcome, sizeof(outcome)) == sizeof(outcome) ? 1 : 2);
}

/* Two notes at most: the pid, and why QEMU was not run. The end of the pipe means it was. */
static int read_outcome(int fd, const char *id, pid_t *pid, struct error *err)
{
	struct outcome outcome;
	pid_t found = -1;

	while (read(fd, &outcome, sizeof(outcome)) == sizeof(outcome)) {
		if (outcome.code) {
			errno = outcome.code;
			return error_errno(err, "desktop %s: %.47s", id, outcome.step);
		}
		found = outcome.pid;
	}
	if (found <= 0)
		return error_set(err, EIO, "desktop %s: QEMU was not started", id);
	*pid = found;
	return 0;
}

static int run(struct launch *launch, const char *id, pid_t *pid, struct error *err)
{
	int status[2];

	if (pipe2(status, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	launch->status = status[1];
	pid_t child = fork();

	if (child == 0)
		detach(launch);
	close(status[1]);
	OWNED_FD int from = status[0];

	if (child < 0)
		return error_errno(err, "fork");
	waitpid(child, NULL, 0);
	return read_outcome(from, id, pid, err);
}

/* Its first packet comes long after: until here its port is not on the bridge. A template's never
 * is, and that of what stands by not before a desktop takes it. */
static int connect_port(const struct spawn_host *host, const struct vm_spec *spec,
			struct error *err)
{
	struct nft_port port = { .address = spec->address };
	struct error ignored;

	memcpy(port.id, spec->id, sizeof(port.id));
	int rc = network_tap_connect(host->config, &port, err);

	if (rc < 0 && spawn_kill(host, spec->id, &ignored) < 0)
		return error_prefix(err, "%.100s", ignored.text);
	return rc;
}

int spawn_qemu(const struct spawn_host *host, const struct vm_spec *spec, enum vm_launch how,
	       pid_t *pid, struct error *err)
{
	OWNED(launch_done) struct launch launch = { .cgroup = -1, .log = -1, .status = -1 };
	OWNED_FD int already = process_find(host->config, spec->id, pid, NULL);

	for (int i = 0; i < VM_FD_END; i++)
		launch.fds[i] = -1;
	if (already >= 0)
		return error_set(err, EEXIST, "desktop %s: its QEMU runs already", spec->id);
	int rc = prepare(host, spec, how, &launch, err);

	if (rc == 0)
		rc = run(&launch, spec->id, pid, err);
	if (rc < 0 || how == VM_LAUNCH_TEMPLATE || how == VM_LAUNCH_STANDBY)
		return rc;
	return connect_port(host, spec, err);
}

/* From here on it is found under the desktop's id and is ended with it; before, with whoever stood
 * by. */
static int take_run_folder(const struct spawn_host *host, const char *id, const char *machine,
			   struct error *err)
{
	struct path from = desktop_path(host->config, machine, DESKTOP_RUN);
	struct path to = desktop_path(host->config, id, DESKTOP_RUN);
	struct path note = desktop_path(host->config, machine, DESKTOP_MACHINE);
	OWNED_FD int fd = open(note.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t len = strlen(machine);
	int rc;

	if (fd < 0 || write(fd, machine, len) != (ssize_t)len)
		return error_errno(err, "write %s", note.text);
	rc = file_remove_tree(to.text, err);
	if (rc == 0 && rename(from.text, to.text) < 0)
		rc = error_errno(err, "rename to %s", to.text);
	return rc;
}

static void take_cgroup(const struct vm_spec *spec, const char *machine, pid_t pid)
{
	OWNED_FD int procs = cgroup_open(spec);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)pid);

	if (procs >= 0 && write(procs, text, (size_t)len) == len)
		cgroup_remove(machine);
}

int spawn_take(const struct spawn_host *host, const struct vm_spec *spec, const char *machine,
	       struct error *err)
{
	pid_t pid;
	OWNED_FD int own = process_find(host->config, spec->id, &pid, NULL);
	OWNED_FD int found = process_find(host->config, machine, &pid, err);
	struct nft_port port = { .address = spec->address };
	int rc;

	if (own >= 0)
		return error_set(err, EEXIST, "desktop %s: its QEMU runs already", spec->id);
	if (found < 0)
		return found;
	memcpy(port.id, spec->id, sizeof(port.id));
	if ((rc = network_tap_rename(machine, spec->id, err)) < 0 ||
	    (rc = network_tap_connect(host->config, &port, err)) < 0)
		return rc;
	take_cgroup(spec, machine, pid);
	return take_run_folder(host, spec->id, machine, err);
}

int spawn_kill(const struct spawn_host *host, const char *id, struct error *err)
{
	pid_t pid;
	OWNED_FD int pidfd = process_find(host->config, id, &pid, NULL);

	/* SIGTERM lets it close the overlay; what does not listen is killed. */
	if (pidfd < 0 || child_kill_wait(pidfd, SIGTERM, TERM_MS) == 0)
		return 0;
	if (child_kill_wait(pidfd, SIGKILL, KILL_MS) == 0)
		return 0;
	return error_set(err, EBUSY, "desktop %s: QEMU %d does not end", id, (int)pid);
}
