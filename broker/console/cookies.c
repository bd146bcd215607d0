/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/console/cookies.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

bool console_is_own(const struct http_exchange *x)
{
	const char *site = http_header(x, "Sec-Fetch-Site");

	/* Browsers that say where a request comes from are believed when it is elsewhere. */
	return http_header(x, "X-Genkan-Console") && (!site || strcmp(site, "same-origin") == 0);
}

static bool may_use_cookie(const struct http_exchange *x)
{
	return console_is_own(x) ||
	       (strcmp(http_method(x), "GET") == 0 && strcmp(http_path(x), "/v1/events") == 0);
}

bool console_cookie(const struct http_exchange *x, const char *name, char out[TOKEN_TEXT_SIZE])
{
	const char *at = http_header(x, "Cookie");
	size_t len = strlen(name);

	if (!at || !may_use_cookie(x))
		return false;
	for (; *at; at += strcspn(at, ";"), at += *at == ';') {
		at += strspn(at, " ");
		if (strncmp(at, name, len) != 0 || at[len] != '=')
			continue;
		at += len + 1;
		if (strcspn(at, "; ") != TOKEN_TEXT_SIZE - 1)
			return false;
		memcpy(out, at, TOKEN_TEXT_SIZE - 1);
		out[TOKEN_TEXT_SIZE - 1] = '\0';
		return true;
	}
	return false;
}

void console_set_cookie(struct http_exchange *x, const char *name, const char *token,
			int64_t life_ms)
{
	char value[200];

	snprintf(value, sizeof(value),
		 "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%lld", name,
		 token ? token : "", token ? (long long)(life_ms / 1000) : 0);
	http_reply_header(x, "Set-Cookie", value);
	memory_wipe(value, sizeof(value));
}
