/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - who somebody is, asked of LDAP.
 *
 * Owns the worker threads and, in each, two connections to the directory: one bound as the service
 * account for searches, one on which users are bound. The loop never waits: every question is a
 * job in a bounded queue, and its answer comes back on the loop.
 *
 * Servers are tried in the order of the configuration, by us and not by libldap, which stays with
 * a first server that accepts and then says nothing. One deadline covers a whole question. A
 * server that failed is asked last for a while. */
#ifndef GENKAN_DIRECTORY_DIRECTORY_H
#define GENKAN_DIRECTORY_DIRECTORY_H

#include "common/base/secret.h"
#include "common/sys/loop.h"
#include "pool/entitlement.h"

enum { DIRECTORY_MAX_GROUPS = 2000, DIRECTORY_MAX_SERVERS = 8 };

struct directory_config {
	char *uri;		/* ldaps:// or ldap:// with start_tls; several, space separated */
	bool start_tls;
	char *ca_file;
	char *base_dn;
	char *bind_dn, *bind_password_file;	/* empty bind_dn: anonymous searches */
	char *user_dn;		/* DN pattern with {user}; empty: search below base_dn */
	char *user_filter;	/* filter pattern with {user} */
	char *group_base_dn;	/* empty: base_dn */
	char *group_filter;	/* filter pattern with {dn} and {user}; empty: no group search */
	char *parent_filter;	/* filter pattern with the {dn} of a group; empty: no nesting */
	char *member_of;	/* attribute of the user entry that names groups; empty: none */
	char *attr_user, *attr_name, *attr_uid_number, *attr_id, *attr_group;
	int64_t deadline_ms;
	int64_t threads, max_queued;
};

enum directory_verdict {
	DIRECTORY_OK,
	DIRECTORY_REFUSED,	/* no such user, or the password is wrong: not told apart */
	DIRECTORY_DISABLED,	/* the password is right, the account is switched off */
	DIRECTORY_UNREACHABLE,	/* no server answered in time, or none that could be trusted */
	DIRECTORY_BUSY,		/* our own queue is full */
};

struct directory_person {
	char id[64];		/* entryUUID: the identity; names may be given to others later */
	char user[256];
	char display_name[256];
	int64_t uid_number;	/* -1: none */
	struct pool_group *groups;	/* name and dn are owned */
	size_t group_count;
};

struct directory_answer {
	enum directory_verdict verdict;
	struct directory_person person;	/* meaningful with DIRECTORY_OK and DIRECTORY_DISABLED */
	struct error reason;		/* for the log */
	const char *server;		/* who answered; NULL: nobody */
	int64_t search_us, bind_us, groups_us;
};

void directory_person_done(struct directory_person *person);
DEFINE_OWNED_VALUE(directory_person_done, struct directory_person);

struct directory;

/* Checks the configuration: URIs, patterns, files. Nothing is connected yet. */
int directory_new(struct loop *loop, const struct directory_config *config, struct directory **out,
		  struct error *err) MUST_CHECK;
void directory_free(struct directory *directory);
DEFINE_OWNED(directory_free, struct directory);

/* `fn` is called once, on the loop, within deadline_ms and a little - with DIRECTORY_BUSY before
 * the call returns; the answer is borrowed. */
typedef void directory_fn(void *arg, const struct directory_answer *answer);

/* Search, bind as the user, Who-am-I, groups. An empty or white password and a password with a NUL
 * are refused before anything is sent (RFC 4513 5.1.2: such a bind would succeed as nobody). */
void directory_login(struct directory *directory, const char *user, const struct secret *password,
		     directory_fn *fn, void *arg);
/* Is this person still there, and in which groups now? By identity, without a password. */
void directory_lookup(struct directory *directory, const char *id, directory_fn *fn, void *arg);
/* The same by name, for an admin's questions. */
void directory_lookup_name(struct directory *directory, const char *user, directory_fn *fn,
			   void *arg);

#endif
