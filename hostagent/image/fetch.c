/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/image/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "common/sys/fault.h"
#include "common/wire/qcow2.h"
#include "hostagent/image/image.h"

#define REQUEST_MS 60000
#define LIST_MS 20000
#define MIB (INT64_C(1) << 20)
#define RESERVE_BYTES (256 * MIB)

struct work_file {
	struct fetch *fetch;
	struct image_content content;
	struct image_hash *whole;
	struct path part_path;
	int part, old;		/* being made; the damaged copy. -1: none */
	struct buf piece;
	size_t damaged;		/* pieces of the copy */
};

static void work_file_done(struct work_file *w)
{
	if (w->part >= 0)
		close(w->part);
	if (w->old >= 0)
		close(w->old);
	image_content_done(&w->content);
	image_hash_free(w->whole);
	buf_done(&w->piece);
}
DEFINE_OWNED_VALUE(work_file_done, struct work_file);

/* Each host has its own: the folder may be shared. */
static struct path part_path(const struct hostagent_config *config, const char *sha256)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s/.%s.%s.part", config->image_dir, sha256,
		 config->name);
	return path;
}

/* -------------------------------------------------------------------------------- the broker */

static int ask(struct fetch *f, const char *tail, const char *range, int64_t timeout_ms,
	       struct buf *bytes, struct error *err)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	char path[160];

	if (atomic_load(&f->cancelled))
		return error_set(err, ECANCELED, "the agent is stopping");
	snprintf(path, sizeof(path), "/agent/v1/images/%s%s", f->sha256, tail);
	int rc = http_request_bytes(f->client, "GET", path, (struct span){ 0 }, range, timeout_ms,
				    bytes, &result, err);
	if (rc < 0)
		return rc;
	return result.status == 200 || result.status == 206 ? 0 : http_result_problem(&result, err);
}

static int get_list(struct work_file *w, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(8 << 20);
	OWNED(json_decref) json_t *list = NULL;
	int64_t size_bytes = 0, piece_bytes = 0;
	int rc = ask(w->fetch, "/pieces", NULL, LIST_MS, &text, err);

	if (rc < 0 || (rc = json_object_parse(buf_span(&text), &list, err)) < 0 ||
	    (rc = json_get_int(list, "size_bytes", 1, IMAGE_BYTES_MAX, &size_bytes, err)) < 0 ||
	    (rc = json_get_int(list, "piece_bytes", IMAGE_PIECE_BYTES, IMAGE_PIECE_BYTES,
			       &piece_bytes, err)) < 0)
		return rc;
	const char *hex = json_string_value(json_object_get(list, "pieces"));

	rc = image_content_parse(size_bytes, hex ? hex : "", &w->content, err);
	if (rc == 0)
		atomic_store(&w->fetch->size_bytes, size_bytes);
	return rc;
}

static int get_piece(struct work_file *w, size_t piece, struct error *err)
{
	int64_t offset = image_piece_offset(piece);
	int64_t len = image_piece_len(w->content.size_bytes, piece);

	buf_reset(&w->piece);
	while ((int64_t)w->piece.len < len) {
		int64_t at = offset + (int64_t)w->piece.len;
		int64_t last = at + IMAGE_PART_BYTES - 1;
		size_t before = w->piece.len;
		char range[64];

		snprintf(range, sizeof(range), "%lld-%lld", (long long)at,
			 (long long)(last < offset + len ? last : offset + len - 1));
		int rc = ask(w->fetch, "", range, REQUEST_MS, &w->piece, err);
		if (rc < 0)
			return rc;
		if (w->piece.len == before || (int64_t)w->piece.len > len)
			return error_set(err, EPROTO, "the broker sent another part than asked for");
		atomic_fetch_add(&w->fetch->done_bytes, (long long)(w->piece.len - before));
	}
	return 0;
}

/* -------------------------------------------------------------------------------- one piece */

static bool is_piece(const struct work_file *w, size_t piece)
{
	uint8_t hash[IMAGE_HASH_BYTES];

	if ((int64_t)w->piece.len != image_piece_len(w->content.size_bytes, piece))
		return false;
	image_piece_hash(buf_span(&w->piece), hash);
	return memcmp(hash, w->content.pieces[piece], sizeof(hash)) == 0;
}

/* Whether the file has the piece, which is then in w->piece. */
static bool read_piece(struct work_file *w, int fd, size_t piece)
{
	size_t len = (size_t)image_piece_len(w->content.size_bytes, piece);

	buf_reset(&w->piece);
	while (fd >= 0 && w->piece.len < len) {
		uint8_t *at = buf_reserve(&w->piece, len - w->piece.len);
		ssize_t got = pread(fd, at, len - w->piece.len,
				    image_piece_offset(piece) + (int64_t)w->piece.len);

		if (got <= 0)
			return false;
		w->piece.len += (size_t)got;
	}
	return fd >= 0 && is_piece(w, piece);
}

static int write_piece(struct work_file *w, size_t piece, struct error *err)
{
	struct span left = buf_span(&w->piece);
	int64_t offset = image_piece_offset(piece);

	while (left.len) {
		ssize_t put = pwrite(w->part, left.ptr, left.len, offset);

		if (put < 0)
			return error_errno(err, "write %s", w->part_path.text);
		left = span_of(left.ptr + put, left.len - (size_t)put);
		offset += put;
	}
	FAULT_POINT("fetch_piece");
	return 0;
}

static void place_of(const struct work_file *w, size_t piece, char *out, size_t size)
{
	int64_t offset = image_piece_offset(piece);

	snprintf(out, size, "bytes %lld to %lld", (long long)offset,
		 (long long)(offset + image_piece_len(w->content.size_bytes, piece) - 1));
}

/* From the broker; what is not right is fetched once more, in case it was the way. */
static int fetch_piece(struct work_file *w, size_t piece, struct error *err)
{
	char place[80];

	for (int attempt = 0; attempt < 2; attempt++) {
		int rc = get_piece(w, piece, err);

		if (rc < 0)
			return rc;
		if (is_piece(w, piece))
			return 0;
		atomic_fetch_sub(&w->fetch->done_bytes, (long long)w->piece.len);
	}
	place_of(w, piece, place, sizeof(place));
	return error_set(err, EBADMSG, "the broker's copy is damaged: %s are not what was published; "
			 "publish the file again", place);
}

static void note_damage(struct work_file *w, size_t piece)
{
	struct fetch *f = w->fetch;

	if (w->damaged++ == 0)
		place_of(w, piece, f->damage, sizeof(f->damage));
}

/* In order, so that the whole can be hashed on the way. */
static int make_piece(struct work_file *w, size_t piece, struct error *err)
{
	int rc;

	if (read_piece(w, w->part, piece)) {
		atomic_fetch_add(&w->fetch->done_bytes, (long long)w->piece.len);
	} else if (read_piece(w, w->old, piece)) {
		atomic_fetch_add(&w->fetch->done_bytes, (long long)w->piece.len);
		if ((rc = write_piece(w, piece, err)) < 0)
			return rc;
	} else {
		if (w->old >= 0)
			note_damage(w, piece);
		if ((rc = fetch_piece(w, piece, err)) < 0 || (rc = write_piece(w, piece, err)) < 0)
			return rc;
	}
	if (piece == 0 && (rc = qcow2_check_header(buf_span(&w->piece), err)) < 0)
		return rc;
	image_hash_put(w->whole, buf_span(&w->piece));
	return 0;
}

/* ------------------------------------------------------------------------------------ the whole */

static void count_damage(struct work_file *w)
{
	struct fetch *f = w->fetch;
	size_t len = strlen(f->damage);

	if (w->damaged > 1)
		snprintf(f->damage + len, sizeof(f->damage) - len, " and %zu other pieces",
			 w->damaged - 1);
}

static int look(struct work_file *w)
{
	for (size_t i = 0; i < w->content.count; i++)
		if (!atomic_load(&w->fetch->cancelled) && !read_piece(w, w->old, i))
			note_damage(w, i);
	count_damage(w);
	return 0;
}

static int open_part(struct work_file *w, struct error *err)
{
	struct statvfs fs;
	struct stat st;

	w->part_path = part_path(w->fetch->config, w->fetch->sha256);
	w->part = open(w->part_path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->part < 0 || fstat(w->part, &st) < 0 || fstatvfs(w->part, &fs) < 0)
		return error_errno(err, "open %s", w->part_path.text);
	int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - RESERVE_BYTES;
	int64_t missing = w->content.size_bytes - (int64_t)st.st_blocks * 512 - room;
	if (missing > 0)
		return error_set(err, ENOSPC, "%s: %lld MiB are missing to fetch this image",
				 w->fetch->config->image_dir, (long long)((missing + MIB - 1) / MIB));
	if (st.st_size > w->content.size_bytes && ftruncate(w->part, w->content.size_bytes) < 0)
		return error_errno(err, "truncate %s", w->part_path.text);
	return 0;
}

static int give_name(struct work_file *w, struct error *err)
{
	struct fetch *f = w->fetch;
	struct path path = image_path(f->config, f->sha256);
	OWNED_FD int dir = open(f->config->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char found[VM_SHA256_SIZE];

	image_hash_end(w->whole, found, NULL);
	if (strcmp(found, f->sha256) != 0) {
		unlink(w->part_path.text);
		return error_set(err, EBADMSG, "the broker's list of pieces is that of another image");
	}
	if (fchmod(w->part, 0444) < 0 || fsync(w->part) < 0)
		return error_errno(err, "sync %s", w->part_path.text);
	FAULT_POINT("fetch_synced");
	if (image_mark_fetched(f->config, f->sha256, err) < 0)
		return -EIO;
	if (rename(w->part_path.text, path.text) < 0 || dir < 0 || fsync(dir) < 0)
		return error_errno(err, "rename to %s", path.text);
	FAULT_POINT("fetch_named");
	return image_note(f->config, f->sha256, w->part, err);
}

int fetch_run(struct fetch *f, struct error *err)
{
	OWNED(work_file_done) struct work_file w = { .fetch = f, .part = -1, .old = -1 };
	int rc = get_list(&w, err);

	if (rc < 0)
		return rc;
	w.piece = BUF_LIMIT((size_t)IMAGE_PIECE_BYTES + (size_t)IMAGE_PART_BYTES);
	w.whole = image_hash_new();
	w.old = open(image_path(f->config, f->sha256).text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->only_look)
		return w.old >= 0 ? look(&w) : 0;
	if ((rc = open_part(&w, err)) < 0)
		return rc;
	for (size_t i = 0; i < w.content.count && rc == 0; i++)
		rc = make_piece(&w, i, err);
	count_damage(&w);
	return rc < 0 ? rc : give_name(&w, err);
}

int fetch_percent(const struct fetch *f)
{
	long long size = atomic_load(&f->size_bytes);

	return size ? (int)(atomic_load(&f->done_bytes) * 100 / size) : 0;
}

void fetch_cancel(struct fetch *f)
{
	atomic_store(&f->cancelled, true);
	http_client_cancel(f->client);
}

void fetch_sweep(const struct hostagent_config *config, const char (*wanted)[VM_SHA256_SIZE],
		 size_t count)
{
	DIR *dir = opendir(config->image_dir);
	struct dirent *entry;
	char tail[80];

	snprintf(tail, sizeof(tail), ".%s.part", config->name);
	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		bool ours = name[0] == '.' && strlen(name) == 1 + 64 + strlen(tail) &&
			    strcmp(name + 65, tail) == 0;

		for (size_t i = 0; ours && i < count; i++)
			ours = strncmp(name + 1, wanted[i], 64) != 0;
		if (ours)
			unlinkat(dirfd(dir), name, 0);
	}
	if (dir)
		closedir(dir);
}
