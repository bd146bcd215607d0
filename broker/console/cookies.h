/* SPDX-License-Identifier: Apache-2.0 */
/* cookies.h - how the console in a browser shows who it is.
 *
 * Theory. A browser has no key of its own that it could prove, and what a page's script can read, a
 * hole in the page can steal. So the token is in a cookie that scripts cannot read (HttpOnly), that
 * only this very host gets (__Host-, Secure) and that no other site's page can make the browser
 * send (SameSite=Strict). Besides, a request with a cookie counts only when it carries a header
 * that another site's page could not add (X-Genkan-Console), or asks for the stream of events,
 * which changes nothing. One cookie for each side: an administrator is an employee as well. */
#ifndef GENKAN_CONSOLE_COOKIES_H
#define GENKAN_CONSOLE_COOKIES_H

#include "broker/session/token.h"
#include "common/net/http_exchange.h"

#define CONSOLE_COOKIE_STAFF "__Host-genkan-staff"
#define CONSOLE_COOKIE_EMPLOYEE "__Host-genkan"

/* Whether the request comes from the console's own page. */
bool console_is_own(const struct http_exchange *x);
/* The token in that cookie, when the request may use one. */
bool console_cookie(const struct http_exchange *x, const char *name, char out[TOKEN_TEXT_SIZE]);
/* With the answer; token NULL takes the cookie back. */
void console_set_cookie(struct http_exchange *x, const char *name, const char *token,
			int64_t life_ms);

#endif
