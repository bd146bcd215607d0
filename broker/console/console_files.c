/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/console/console.h"

#include "common/base/text.h"

/* Nothing comes from elsewhere, nothing goes elsewhere, and no other page may frame this one. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
			     "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; "
			     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void add_headers(struct http_exchange *x, const struct console_file *file)
{
	http_reply_header(x, "Content-Security-Policy", policy);
	http_reply_header(x, "X-Frame-Options", "DENY");
	http_reply_header(x, "Referrer-Policy", "no-referrer");
	http_reply_header(x, "Cross-Origin-Opener-Policy", "same-origin");
	http_reply_header(x, "Cross-Origin-Resource-Policy", "same-origin");
	http_reply_header(x, "Permissions-Policy",
			  "camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()");
	http_reply_header(x, "Cache-Control", "no-cache"); /* asked for again, by its ETag */
	http_reply_header(x, "ETag", file->etag);
}

static const struct console_file *find(const char *path)
{
	if (strcmp(path, "/console/") == 0)
		path = "/console/index.html";
	for (size_t i = 0; i < console_file_count; i++)
		if (strcmp(console_files[i].path, path) == 0)
			return &console_files[i];
	return NULL;
}

bool console_serve(const struct broker_config *config, struct http_exchange *x)
{
	const char *path = http_path(x), *known = http_header(x, "If-None-Match");
	const struct console_file *file = find(path);

	if (!config->console || strcmp(http_method(x), "GET") != 0)
		return false;
	if (strcmp(path, "/") == 0 || strcmp(path, "/console") == 0) {
		http_reply_header(x, "Location", "/console/");
		http_reply_json(x, 303, NULL);
		return true;
	}
	if (!file)
		return false;
	add_headers(x, file);
	if (known && strcmp(known, file->etag) == 0)
		http_reply_json(x, 304, NULL);
	else
		http_reply_file(x, file->type, NULL, span_of(file->bytes, file->len));
	return true;
}
