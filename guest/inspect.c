/* SPDX-License-Identifier: Apache-2.0 */
/* The pure half of the inspection: what in a text is worth telling. */
#include "guest/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAMILY_LOCAL 256	/* of .Xauthority; others are for other machines */

void inspect_note(json_t *list, struct span text)
{
	char copy[INSPECT_TEXT_MAX + 1];
	const json_t *known;
	size_t len = text.len < INSPECT_TEXT_MAX ? text.len : INSPECT_TEXT_MAX, i;

	for (i = 0; i < len; i++)
		copy[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? (char)text.ptr[i] : '?';
	copy[len] = '\0';
	json_array_foreach(list, i, known)
		if (strcmp(json_string_value(known), copy) == 0)
			return;
	if (len && json_array_size(list) < INSPECT_LIST_MAX)
		json_array_append_new(list, json_string(copy));
}

/* FUSE for its own control file is part of every system. */
static bool is_foreign(struct span kind)
{
	static const char *const kinds[] = { "cifs", "smb3", "nfs", "nfs4", "9p", "virtiofs", "vfat",
					     "msdos", "exfat", "ntfs", "ntfs3", "iso9660", "udf",
					     "fuseblk" };

	if (kind.len > 5 && memcmp(kind.ptr, "fuse.", 5) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (span_equal(kind, span_text(kinds[i])))
			return true;
	return false;
}

static struct span word_next(const char **at)
{
	const char *begin = *at;
	size_t len = strcspn(begin, " \n");

	*at = begin + len + (begin[len] == ' ');
	return span_of(begin, len);
}

void inspect_mounts(const char *mounts, json_t *list)
{
	for (const char *line = mounts; *line;) {
		const char *at = line;

		(void)word_next(&at);
		struct span where = word_next(&at), kind = word_next(&at);

		if (is_foreign(kind))
			inspect_note(list, where);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
}

void inspect_log(const char *log, json_t *list)
{
	static const char mark[] = "remote drive '";

	for (const char *at = strstr(log, mark); at; at = strstr(at, mark)) {
		at += sizeof(mark) - 1;
		inspect_note(list, span_of(at, strcspn(at, "'\n")));
	}
}

/* family, address, display number, name, data: each but the first with its length (Xau) */
static bool entry_read(struct reader *r, uint16_t *family, struct span parts[4])
{
	*family = read_u16be(r);
	for (size_t i = 0; i < 4; i++)
		parts[i] = read_bytes(r, read_u16be(r));
	return !r->bad;
}

int x_cookie_find(struct span file, unsigned display, uint8_t out[X_COOKIE_LEN])
{
	struct reader r = reader_of(file);
	struct span parts[4];
	uint16_t family;
	char number[12];

	snprintf(number, sizeof(number), "%u", display);
	while (r.rest.len && entry_read(&r, &family, parts)) {
		if (family != FAMILY_LOCAL || parts[3].len != X_COOKIE_LEN ||
		    !span_equal(parts[2], SPAN_LITERAL("MIT-MAGIC-COOKIE-1")) ||
		    (parts[1].len && !span_equal(parts[1], span_text(number))))
			continue;
		memcpy(out, parts[3].ptr, X_COOKIE_LEN);
		return 0;
	}
	return -ENOENT;
}
