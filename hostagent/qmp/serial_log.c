/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "common/base/buf.h"
#include "hostagent/qmp/line_socket.h"
#include "hostagent/qmp/serial_log.h"

enum { FILE_LIMIT = 256 << 10, READ_CHUNK = 4096 };

struct serial_log {
	int socket, file;
	off_t size;
	char *path;
	struct loop_fd *watch;
};

static int file_open(const char *path, int flags)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

static void turn_over(struct serial_log *log)
{
	OWNED(buf_done) struct buf old = { 0 };

	buf_printf(&old, "%s.1", log->path);
	if (rename(log->path, buf_text(&old)) < 0)
		return;
	int fresh = file_open(log->path, O_TRUNC);

	if (fresh < 0)
		return;
	close(log->file);
	log->file = fresh;
	log->size = 0;
}

static void on_serial(void *arg, int fd, unsigned events)
{
	struct serial_log *log = arg;
	char chunk[READ_CHUNK];
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		loop_fd_free(log->watch);	/* QEMU went; its owner hears it from QMP */
		log->watch = NULL;
	}
	if (n <= 0)
		return;
	if (log->size + n > FILE_LIMIT)
		turn_over(log);
	if (log->size + n <= FILE_LIMIT && write(log->file, chunk, (size_t)n) == n)
		log->size += n;
}

int serial_log_open(struct loop *loop, const char *socket_path, const char *file_path,
		    struct serial_log **out, struct error *err)
{
	struct stat st;
	OWNED_FD int file = file_open(file_path, 0);

	if (file < 0 || fstat(file, &st) < 0)
		return error_errno(err, "open %s", file_path);
	int fd = unix_connect(socket_path, err);

	if (fd < 0)
		return fd;
	struct serial_log *log = xnew(struct serial_log);

	log->socket = fd;
	log->file = steal_fd(&file);
	log->size = st.st_size;
	log->path = xstrdup(file_path);
	log->watch = loop_fd_new(loop, fd, LOOP_READ, on_serial, log);
	*out = log;
	return 0;
}

void serial_log_free(struct serial_log *log)
{
	if (!log)
		return;
	loop_fd_free(log->watch);
	close(log->socket);
	close(log->file);
	free(log->path);
	free(log);
}
