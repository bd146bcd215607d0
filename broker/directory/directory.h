/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - who somebody is, asked of LDAP.
 *
 * The core's side: questions go to the directory worker (directory_worker.h), a process whose
 * threads have, each, two connections to the directory: one bound as the service account for
 * searches, one on which users are bound. The loop never waits: every question is a job in a
 * bounded queue, and its answer comes back on the loop. A worker that ends, or falls silent, is
 * replaced, and who had asked it is told to come again.
 *
 * Servers are tried in the order of the configuration, by us and not by libldap, which stays with
 * a first server that accepts and then says nothing. One deadline covers a whole question. A
 * server that failed is left alone until a probe finds it well (breaker.h), and asked by people's
 * questions only when no other is left.
 *
 * A question that could not be answered before its deadline is not taken: how long one takes is
 * measured, so whoever is sent away is told when to come back. */
#ifndef GENKAN_DIRECTORY_DIRECTORY_H
#define GENKAN_DIRECTORY_DIRECTORY_H

#include "common/base/secret.h"
#include "common/sys/loop.h"
#include "pool/entitlement.h"
#include "pool/reason.h"

enum { DIRECTORY_MAX_GROUPS = 2000, DIRECTORY_MAX_SERVERS = 8 };

struct directory_config {
	char *uri; /* ldaps:// or ldap:// with start_tls; several, space separated */
	bool start_tls;
	char *ca_file;
	char *base_dn;
	char *bind_dn, *bind_password_file; /* empty bind_dn: anonymous searches */
	char *user_dn; /* DN pattern with {user}; empty: search below base_dn */
	char *profile; /* what settings that were not given are like: profile.h */
	bool is_ad;
	char *user_filter;    /* filter pattern with {user} */
	char *group_base_dn;  /* empty: base_dn */
	char *group_filter;   /* filter pattern with {dn} and {user}; empty: no group search */
	char *primary_filter; /* filter pattern with {gid} or {sid}: the primary group; or empty */
	char *parent_filter;  /* filter pattern with the {dn} of a group; empty: no nesting */
	char *member_of;      /* attribute of the user entry that names groups; empty: none */
	char *attr_user, *attr_name, *attr_uid_number, *attr_id, *attr_group;
	int64_t deadline_ms, group_cache_ms;
	int64_t threads, max_queued;
};

enum directory_verdict {
	DIRECTORY_OK,
	DIRECTORY_REFUSED,         /* no such user, or the password is wrong: not told apart */
	DIRECTORY_DISABLED,        /* the password is right, the account is switched off */
	DIRECTORY_EXPIRED,         /* the password is right, the account's time is over */
	DIRECTORY_CHANGE_PASSWORD, /* the password is right and must be changed first */
	DIRECTORY_LOCKED,          /* by the directory, after wrong passwords; not to be told */
	DIRECTORY_BAD_PASSWORD,    /* a new password is not good enough; `reason` has its words */
	DIRECTORY_UNREACHABLE,     /* no server answered in time, or none that could be trusted */
	DIRECTORY_BUSY,            /* too many wait: come back after retry_after_ms */
};
/* What a client is told; the audit log says which it was. */
enum reason directory_reason(enum directory_verdict verdict);
enum reason directory_audit_reason(enum directory_verdict verdict);

struct directory_person {
	char id[64]; /* entryUUID: the identity; names may be given to others later */
	char user[256];
	char display_name[256];
	int64_t uid_number;        /* -1: none */
	struct pool_group *groups; /* name and dn are owned */
	size_t group_count;
};

/* What was done for one question, for `genkanctl directory test`. */
enum { DIRECTORY_STEPS_MAX = 48 };
struct directory_step {
	char what[24], detail[400];
	int64_t us;
	bool failed;
};
struct directory_trace {
	struct directory_step steps[DIRECTORY_STEPS_MAX];
	size_t count;
};

struct directory_answer {
	enum directory_verdict verdict;
	struct directory_person person; /* meaningful with DIRECTORY_OK and DIRECTORY_DISABLED */
	struct error reason;            /* for the log */
	const char *server;             /* who answered; NULL: nobody */
	int64_t search_us, bind_us, groups_us;
	int64_t retry_after_ms; /* with DIRECTORY_BUSY */
	bool groups_cut;        /* more than DIRECTORY_MAX_GROUPS or too deep: some are missing */
	const struct directory_trace *trace; /* of directory_test */
};

void directory_person_done(struct directory_person *person);
DEFINE_OWNED_VALUE(directory_person_done, struct directory_person);

struct directory;

/* Checks the configuration: URIs, patterns, files. Nothing is started yet. */
int directory_new(struct loop *loop, const struct directory_config *config, struct directory **out,
		  struct error *err) MUST_CHECK;
void directory_free(struct directory *directory);
DEFINE_OWNED(directory_free, struct directory);

/* The process that asks, from the core's side. */
struct directory_loss {
	const char *why;
	int64_t lived_ms;
	unsigned questions; /* that were not answered, and are turned away */
};
struct directory_worker_config {
	/* Starts one: its end of the link, which is taken. Asked again when one has ended. */
	int (*start)(void *arg, int *link, struct error *err);
	void (*lost)(void *arg, const struct directory_loss *loss);
	void *arg;
};
int directory_open(struct directory *directory, const struct directory_worker_config *worker,
		   struct error *err) MUST_CHECK;

/* `fn` is called once, on the loop, within deadline_ms and a little - with DIRECTORY_BUSY before
 * the call returns; the answer is borrowed. */
typedef void directory_fn(void *arg, const struct directory_answer *answer);

/* Search, bind as the user, Who-am-I, groups. An empty or white password and a password with a NUL
 * are refused before anything is sent (RFC 4513 5.1.2: such a bind would succeed as nobody). */
void directory_login(struct directory *directory, const char *user, const struct secret *password,
		     directory_fn *fn, void *arg);
/* Is this person still there, and in which groups now? By identity, without a password. */
void directory_lookup(struct directory *directory, const char *id, directory_fn *fn, void *arg);
/* The user's password for a new one, after the old was found right. Verdict OK, REFUSED,
 * BAD_PASSWORD ... */
void directory_change_password(struct directory *directory, const char *user,
			       const struct secret *old, const struct secret *fresh,
			       directory_fn *fn, void *arg);
/* As a lookup by name, or as a login when there is a password, and tells each step. */
void directory_test(struct directory *directory, const char *user, const struct secret *password,
		    directory_fn *fn, void *arg);

/* How many the worker has not answered. */
unsigned directory_questions(const struct directory *directory);

/* What is wrong with it, without asking anybody. */
int directory_check_config(const struct directory_config *config, struct error *err) MUST_CHECK;
/* Cuts `text` at its spaces; returns how many there were, also when not all fit. */
size_t directory_split_uris(char *text, const char *out[DIRECTORY_MAX_SERVERS]);

struct directory_server_state {
	const char *uri;
	bool open; /* failed lately, and not asked but for probes */
	int64_t probe_in_ms;
};
size_t directory_server_states(struct directory *directory,
			       struct directory_server_state out[DIRECTORY_MAX_SERVERS]);

/* The same by name, for an admin's questions. */
void directory_lookup_name(struct directory *directory, const char *user, directory_fn *fn,
			   void *arg);

#endif
