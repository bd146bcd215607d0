/* SPDX-License-Identifier: Apache-2.0 */
/* Asks an X display which formats the owner of its clipboard offers. A few requests of the X11 core
 * protocol by hand: this program is static and has no Xlib. The server belongs to the user, so every
 * answer is bounded and waited for no longer than two seconds. */
#include "guest/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/span.h"
#include "common/sys/file.h"

#define WAIT_S 2
#define ANSWER_MAX 65536
#define PAGE_LEN 32	/* replies, events and errors are at least that long */
#define ATOMS_MAX 32

enum { X_ERROR = 0, X_REPLY = 1, X_SELECTION_NOTIFY = 31 };
enum { X_CREATE_WINDOW = 1, X_INTERN_ATOM = 16, X_GET_ATOM_NAME = 17, X_GET_PROPERTY = 20,
       X_GET_OWNER = 23, X_CONVERT = 24 };

struct x {
	int fd;
	uint32_t root, window;
};

DEFINE_OWNED(closedir, DIR);

/* ---- bytes ---- */

static bool x_write(struct x *x, const struct buf *out)
{
	return !out->failed && send(x->fd, out->ptr, out->len, MSG_NOSIGNAL) == (ssize_t)out->len;
}

static bool x_read(struct x *x, void *to, size_t len)
{
	return recv(x->fd, to, len, MSG_WAITALL) == (ssize_t)len;
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint16_t u16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static void put_padded(struct buf *out, const void *bytes, size_t len)
{
	buf_put(out, bytes, len);
	buf_put_zeros(out, (4 - len % 4) % 4);
}

/* The next reply, or the event `wanted`; what else comes meanwhile is passed over. `more`: what
 * follows the first 32 bytes. */
static bool x_await(struct x *x, int wanted, uint8_t page[PAGE_LEN], struct buf *more)
{
	for (int i = 0; i < 64; i++) {
		if (!x_read(x, page, PAGE_LEN) || page[0] == X_ERROR)
			return false;
		size_t len = page[0] == X_REPLY ? (size_t)u32(page + 4) * 4 : 0;
		uint8_t *at = len && len <= ANSWER_MAX ? buf_reserve(more, len) : NULL;

		if (len > 0 && (!at || !x_read(x, at, len)))
			return false;
		if ((page[0] & 0x7f) != wanted)
			continue;
		more->len += len;
		return true;
	}
	return false;
}

static bool x_ask(struct x *x, const struct buf *out, uint8_t page[PAGE_LEN], struct buf *more)
{
	return x_write(x, out) && x_await(x, X_REPLY, page, more);
}

/* ---- requests ---- */

/* A server that was started without cookies lets local users in by themselves. */
static bool x_setup(struct x *x, const uint8_t *cookie)
{
	static const char method[] = "MIT-MAGIC-COOKIE-1";
	OWNED(buf_done) struct buf out = BUF_LIMIT(256);
	uint8_t head[8], *answer;
	size_t len;

	buf_put(&out, "l\0", 2);
	buf_put_u16le(&out, 11);
	buf_put_u16le(&out, 0);
	buf_put_u16le(&out, cookie ? sizeof(method) - 1 : 0);
	buf_put_u16le(&out, cookie ? X_COOKIE_LEN : 0);
	buf_put_u16le(&out, 0);
	if (cookie) {
		put_padded(&out, method, sizeof(method) - 1);
		put_padded(&out, cookie, X_COOKIE_LEN);
	}
	if (!x_write(x, &out) || !x_read(x, head, sizeof(head)) || head[0] != 1)
		return false;

	OWNED(buf_done) struct buf rest = BUF_LIMIT(ANSWER_MAX);
	len = (size_t)u16(head + 6) * 4;
	answer = len >= PAGE_LEN && len <= ANSWER_MAX ? buf_reserve(&rest, len) : NULL;
	if (!answer || !x_read(x, answer, len))
		return false;
	/* fixed part, vendor, pixmap formats of 8 bytes, then the first screen */
	size_t screen = PAGE_LEN + (size_t)(u16(answer + 16) + 3) / 4 * 4 + 8 * (size_t)answer[21];
	if (screen + 4 > len)
		return false;
	x->window = u32(answer + 4);
	x->root = u32(answer + screen);
	return true;
}

static uint32_t x_atom(struct x *x, const char *name)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(128);
	OWNED(buf_done) struct buf more = BUF_LIMIT(ANSWER_MAX);
	uint8_t page[PAGE_LEN];
	size_t len = strlen(name);

	buf_put_u8(&out, X_INTERN_ATOM);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, (uint16_t)(2 + (len + 3) / 4));
	buf_put_u16le(&out, (uint16_t)len);
	buf_put_u16le(&out, 0);
	put_padded(&out, name, len);
	return x_ask(x, &out, page, &more) ? u32(page + 8) : 0;
}

static bool x_window(struct x *x)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(64);

	buf_put_u8(&out, X_CREATE_WINDOW);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, 8);
	buf_put_u32le(&out, x->window);
	buf_put_u32le(&out, x->root);
	buf_put_u32le(&out, 0);		/* x, y */
	buf_put_u32le(&out, 0x00010001);	/* 1 x 1 */
	buf_put_u32le(&out, 0x00020000);	/* no border, InputOnly */
	buf_put_u32le(&out, 0);		/* visual of the parent */
	buf_put_u32le(&out, 0);
	return x_write(x, &out);
}

static bool x_has_owner(struct x *x, uint32_t selection)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(16);
	OWNED(buf_done) struct buf more = BUF_LIMIT(ANSWER_MAX);
	uint8_t page[PAGE_LEN];

	buf_put_u8(&out, X_GET_OWNER);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, 2);
	buf_put_u32le(&out, selection);
	return x_ask(x, &out, page, &more) && u32(page + 8) != 0;
}

/* The atoms under which the owner offers the selection. */
static bool x_targets(struct x *x, uint32_t selection, struct buf *atoms)
{
	uint32_t targets = x_atom(x, "TARGETS"), property = x_atom(x, "GENKAN_TARGETS");
	OWNED(buf_done) struct buf out = BUF_LIMIT(64);
	OWNED(buf_done) struct buf none = BUF_LIMIT(ANSWER_MAX);
	uint8_t page[PAGE_LEN];

	buf_put_u8(&out, X_CONVERT);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, 6);
	buf_put_u32le(&out, x->window);
	buf_put_u32le(&out, selection);
	buf_put_u32le(&out, targets);
	buf_put_u32le(&out, property);
	buf_put_u32le(&out, 0);
	if (!x_write(x, &out) || !x_await(x, X_SELECTION_NOTIFY, page, &none) || !u32(page + 20))
		return false;

	buf_reset(&out);
	buf_put_u8(&out, X_GET_PROPERTY);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, 6);
	buf_put_u32le(&out, x->window);
	buf_put_u32le(&out, property);
	buf_put_u32le(&out, 0);
	buf_put_u32le(&out, 0);
	buf_put_u32le(&out, ATOMS_MAX);
	return x_ask(x, &out, page, atoms) && page[1] == 32;
}

static void x_note_name(struct x *x, uint32_t atom, json_t *list)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(16);
	OWNED(buf_done) struct buf more = BUF_LIMIT(ANSWER_MAX);
	uint8_t page[PAGE_LEN];

	buf_put_u8(&out, X_GET_ATOM_NAME);
	buf_put_u8(&out, 0);
	buf_put_u16le(&out, 2);
	buf_put_u32le(&out, atom);
	if (x_ask(x, &out, page, &more) && u16(page + 8) <= more.len)
		inspect_note(list, span_of(more.ptr, u16(page + 8)));
}

/* ---- whose display ---- */

/* The file the X server of this user was started with is in its arguments: -auth FILE. */
static bool server_of(uid_t uid, pid_t pid, unsigned *display, char *auth, size_t size)
{
	OWNED(buf_done) struct buf text = { 0 };
	struct stat owner;
	char path[64];
	bool is_server = false;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (stat(path, &owner) < 0 || owner.st_uid != uid || file_read(path, 4096, &text, NULL) < 0)
		return false;
	for (size_t at = 0; at < text.len; at += strlen((const char *)text.ptr + at) + 1) {
		const char *word = (const char *)text.ptr + at;

		if (at == 0)
			is_server = strstr(word, "Xorg") != NULL;
		else if (word[0] == ':')
			*display = (unsigned)strtoul(word + 1, NULL, 10);
		else if (strcmp(word, "-auth") == 0 && at + strlen(word) + 1 < text.len)
			snprintf(auth, size, "%s", word + strlen(word) + 1);
	}
	return is_server;
}

static bool find_display(const char *user, unsigned *display, uint8_t cookie[X_COOKIE_LEN],
			 bool *has_cookie)
{
	OWNED(closedir) DIR *dir = opendir("/proc");
	struct stat home;
	struct dirent *entry;
	char auth[256] = ".Xauthority", path[512], home_path[96];

	snprintf(home_path, sizeof(home_path), "/home/%.64s", user);
	if (stat(home_path, &home) < 0)
		return false;
	while (dir && (entry = readdir(dir))) {
		OWNED(buf_done) struct buf file = { 0 };
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || !server_of(home.st_uid, pid, display, auth, sizeof(auth)))
			continue;
		snprintf(path, sizeof(path), "%s%s%s", auth[0] == '/' ? "" : home_path,
			 auth[0] == '/' ? "" : "/", auth);
		*has_cookie = file_read(path, ANSWER_MAX, &file, NULL) == 0 &&
			      x_cookie_find(buf_span(&file), *display, cookie) == 0;
		return true;
	}
	return false;
}

static int x_connect(unsigned display)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = WAIT_S };
	OWNED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/.X11-unix/X%u", display);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	return steal_fd(&fd);
}

bool clipboard_formats(const char *user, json_t *list)
{
	OWNED(buf_done) struct buf atoms = BUF_LIMIT(ANSWER_MAX);
	uint8_t cookie[X_COOKIE_LEN];
	unsigned display = 0;
	struct x x = { .fd = -1 };
	bool asked = false, has_cookie = false;

	if (!find_display(user, &display, cookie, &has_cookie))
		return false;
	OWNED_FD int fd = x_connect(display);
	x.fd = fd;
	if (fd >= 0 && x_setup(&x, has_cookie ? cookie : NULL) && x_window(&x)) {
		uint32_t clipboard = x_atom(&x, "CLIPBOARD");

		asked = clipboard != 0;
		if (asked && x_has_owner(&x, clipboard) && x_targets(&x, clipboard, &atoms))
			for (size_t at = 0; at + 4 <= atoms.len; at += 4)
				x_note_name(&x, u32(atoms.ptr + at), list);
	}
	return asked;
}
