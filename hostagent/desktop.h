/* SPDX-License-Identifier: Apache-2.0 */
/* desktop.h - the desktops of this host: carries out what vm_step() names. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_DESKTOP_H
#define GENKAN_HOSTAGENT_DESKTOP_H

#include "common/base/list.h"
#include "common/data/json.h"
#include "common/sys/work.h"
#include "hostagent/config.h"
#include "hostagent/priv/priv.h"
#include "hostagent/qmp/guest_message.h"
#include "hostagent/sync_message.h"
#include "hostagent/vm/reconcile.h"

struct desktop;
struct images;
struct templates;

/* What all desktops of a host share. Owned by the agent, which fills it in. */
struct desktop_host {
	struct loop *loop;
	const struct hostagent_config *config;
	struct priv *priv;
	struct work *jobs;		/* one thread: overlays, spec files, the helper */
	struct work *image_jobs;	/* one thread: hashes of images */
	struct work *checks;		/* some threads: connections to RDP servers of desktops */
	struct templates *templates;
	struct images *images;
	struct list desktops;
	uint8_t guest_key[GUEST_KEY_LEN];
	bool has_guest_key;
	bool describes;			/* reports tell all there is to know of desktops */
	bool synced;			/* the broker has said what it wants since our start */
	int64_t expected_boot_ms;
	unsigned starts_max;		/* at the same time */
	int64_t arrivals;		/* so many have asked for a turn */
	struct loop_timer *turns;
	void (*changed)(void *arg);	/* something the broker should know */
	void (*forgotten)(void *arg);	/* a desktop is gone: there may be room for another */
	void *arg;
};

void desktop_host_init(struct desktop_host *host);
/* Lets go of all desktops; their machines run on. */
void desktop_host_done(struct desktop_host *host);

/* An element of host->desktops. */
struct desktop *desktop_of(struct list *node);
struct desktop *desktop_find(struct desktop_host *host, const char *id);
/* A desktop that the broker wants; VM_EV_WANTED begins its life. */
struct desktop *desktop_create(struct desktop_host *host, const struct vm_spec *spec);
/* Takes up what an earlier agent left under this id: a machine that runs, or files. */
void desktop_adopt(struct desktop_host *host, const char *id);
/* False for a machine that stood by and is being removed: no desktop of the broker's. */
bool desktop_is_anybodys(const struct desktop *desktop);
/* An address that neither a desktop has nor a machine that stands by. */
int desktop_take_address(struct desktop_host *host, const char *id, uint32_t *out,
			 struct error *err) MUST_CHECK;
/* The broker's newer order for a desktop that is here. */
void desktop_update(struct desktop *desktop, const struct vm_spec *spec);
/* Whose order it is that the broker gave last, for the log; "" the broker's own. */
void desktop_on_behalf(struct desktop *desktop, const char *request);
/* Whose it is, in the broker's signed words: kept on disk, and shown to a broker that has lost its store. */
void desktop_keep_deed(struct desktop *desktop, const char *deed);
/* Resets the machine once, unless it is being started anyway. */
void desktop_restart(struct desktop *desktop, int64_t incarnation);
/* The most its overlay may take; 0: no limit. */
void desktop_want_overlay(struct desktop *desktop, int64_t max_bytes);
/* Whether somebody waits for it: its start comes before those of spares. */
void desktop_want_user(struct desktop *desktop, bool for_user);
/* Starts that are under way, and that wait. */
void desktop_turns_count(struct desktop_host *host, int *under_way, int *waiting);
void desktop_turns_init(struct desktop_host *host);
/* The disk of its user, as the broker orders it. */
void desktop_home_want(struct desktop *desktop, const struct vm_home *home);
/* Before the desktop ends: closes the user's disk cleanly. True while that is under way; forgotten()
 * tells when to ask again. */
bool desktop_home_release(struct desktop *desktop);
/* Has the guest say what it sees of a client's devices, once per number; the report has it then. */
void desktop_inspect(struct desktop *desktop, int64_t number);
/* What is to be done inside of it; `notices` is taken. */
void desktop_orders_take(struct desktop *desktop, int64_t log_off_stay,
			 struct sync_notice *notices, size_t count);
/* "notices_shown" in the report to the broker. */
json_t *desktop_orders_report(const struct desktop_host *host);
/* The key that guests check credentials with; told to those that wait for it. */
void desktop_host_set_guest_key(struct desktop_host *host, const uint8_t key[GUEST_KEY_LEN]);
/* Templates have changed: whoever waits for one may go on. */
void desktop_hold_review(struct desktop_host *host);
void desktop_event(struct desktop *desktop, enum vm_event event);

void desktop_present(const struct desktop *desktop, struct vm_present *out);
/* The element of "desktops" in the report to the broker. */
json_t *desktop_report(const struct desktop *desktop, int64_t now_ms);

#endif
