/* SPDX-License-Identifier: Apache-2.0 */
/* known_dns.h - under which DN somebody was found at their last login.
 *
 * So that the password can be tried while the entry is searched for, instead of after. It proves
 * nothing: the search says who it is, and only a bind as the DN that it finds counts. Bounded in
 * number. Any thread. */
#ifndef GENKAN_DIRECTORY_KNOWN_DNS_H
#define GENKAN_DIRECTORY_KNOWN_DNS_H

#include "common/base/cleanup.h"

#define KNOWN_DNS_MAX 20000

struct known_dns;

struct known_dns *known_dns_new(void);
void known_dns_free(struct known_dns *known);
DEFINE_OWNED(known_dns_free, struct known_dns);

/* A copy, owned by the caller; NULL: not known. Names are compared byte for byte. */
char *known_dns_find(struct known_dns *known, const char *user);
/* Copies. The one that came first goes when there is no more room. */
void known_dns_put(struct known_dns *known, const char *user, const char *dn);
void known_dns_forget(struct known_dns *known, const char *user);

#endif
