/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/session/session_watch.h"
#include "common/base/text.h"

static void page_free(void *input)
{
	struct admin_page *page = input;

	json_decref(page->usage);
	free(page);
}

static int read_text(struct http_exchange *x, const char *name, char *out, size_t size,
		     struct error *err)
{
	const char *text = http_query(x, name);

	if (text && (!utf8_valid(span_text(text)) || str_copy(out, size, text) < 0))
		return error_set(err, EINVAL, "%s: must be a text of at most %zu bytes", name,
				 size - 1);
	return 0;
}

static int read_number(struct http_exchange *x, const char *name, int64_t usual, int64_t max,
		       int64_t *out, struct error *err)
{
	const char *text = http_query(x, name);
	char *end = NULL;

	*out = usual;
	if (!text)
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno || end == text || *end || *out < 0)
		return error_set(err, EINVAL, "%s: must be a number", name);
	*out = *out > max ? max : *out;
	return 0;
}

static bool read_flag(struct http_exchange *x, const char *name)
{
	const char *text = http_query(x, name);

	return text && strcmp(text, "0") != 0;
}

static int read_page(struct http_exchange *x, size_t usual, struct admin_page *page,
		     struct error *err)
{
	int64_t limit = 0;
	int rc = read_number(x, "limit", (int64_t)usual, ADMIN_PAGE_MAX, &limit, err);

	page->limit = limit < 1 ? 1 : (size_t)limit;
	page->flag = read_flag(x, "all") || read_flag(x, "denied");
	if (rc < 0 || (rc = read_text(x, "cursor", page->cursor, sizeof(page->cursor), err)) < 0 ||
	    (rc = read_text(x, "pool", page->pool, sizeof(page->pool), err)) < 0 ||
	    (rc = read_text(x, "host", page->host, sizeof(page->host), err)) < 0 ||
	    (rc = read_text(x, "state", page->state, sizeof(page->state), err)) < 0 ||
	    (rc = read_text(x, "text", page->text, sizeof(page->text), err)) < 0 ||
	    (rc = read_text(x, "user", page->user, sizeof(page->user), err)) < 0)
		return rc;
	return read_number(x, "since_ms", 0, INT64_MAX, &page->since_ms, err);
}

void admin_look_page(struct request *r, size_t usual, admin_run_fn *run)
{
	struct http_exchange *x = request_exchange(r);
	struct admin_page *page = xnew(struct admin_page);
	struct error err = { 0 };

	if (x && read_page(x, usual, page, &err) == 0) {
		page->usage = session_watch_usage(r->broker->watch);
		admin_look(r, run, page, page_free);
		return;
	}
	page_free(page);
	request_refuse(r, REASON_BAD_REQUEST, -1, *err.text ? err.text : NULL);
}

void admin_page_next(struct admin_job *a, const char *cursor)
{
	json_object_set_new(a->answer, "next", json_string(cursor));
}
