/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/known_dns.h"

#include <pthread.h>
#include <uthash.h>

struct known_dn {
	char *user, *dn;
	UT_hash_handle hh;
};

struct known_dns {
	pthread_mutex_t lock;
	struct known_dn *people;	/* oldest first: uthash keeps the order they came in */
};

struct known_dns *known_dns_new(void)
{
	struct known_dns *known = xnew(struct known_dns);

	pthread_mutex_init(&known->lock, NULL);
	return known;
}

static void drop(struct known_dns *known, struct known_dn *person)
{
	HASH_DEL(known->people, person);
	free(person->user);
	free(person->dn);
	free(person);
}

void known_dns_free(struct known_dns *known)
{
	struct known_dn *person, *next;

	if (!known)
		return;
	HASH_ITER(hh, known->people, person, next)
		drop(known, person);
	pthread_mutex_destroy(&known->lock);
	free(known);
}

char *known_dns_find(struct known_dns *known, const char *user)
{
	struct known_dn *person;

	pthread_mutex_lock(&known->lock);
	HASH_FIND_STR(known->people, user, person);
	char *dn = person ? xstrdup(person->dn) : NULL;
	pthread_mutex_unlock(&known->lock);
	return dn;
}

static void add(struct known_dns *known, const char *user, const char *dn)
{
	struct known_dn *person = xnew(struct known_dn);

	person->user = xstrdup(user);
	person->dn = xstrdup(dn);
	HASH_ADD_KEYPTR(hh, known->people, person->user, strlen(person->user), person);
	if (HASH_COUNT(known->people) > KNOWN_DNS_MAX)
		drop(known, known->people);
}

void known_dns_put(struct known_dns *known, const char *user, const char *dn)
{
	struct known_dn *person;

	pthread_mutex_lock(&known->lock);
	HASH_FIND_STR(known->people, user, person);
	if (person && strcmp(person->dn, dn) != 0) {
		drop(known, person);
		person = NULL;
	}
	if (!person)
		add(known, user, dn);
	pthread_mutex_unlock(&known->lock);
}

void known_dns_forget(struct known_dns *known, const char *user)
{
	struct known_dn *person;

	pthread_mutex_lock(&known->lock);
	HASH_FIND_STR(known->people, user, person);
	if (person)
		drop(known, person);
	pthread_mutex_unlock(&known->lock);
}
