/* SPDX-License-Identifier: Apache-2.0 */
/* desktop_parts.h - the inside of a desktop, shared by desktop*.c and by nobody else. */
#ifndef GENKAN_HOSTAGENT_DESKTOP_PARTS_H
#define GENKAN_HOSTAGENT_DESKTOP_PARTS_H

#include "hostagent/desktop.h"
#include "hostagent/image/user_disk.h"
#include "hostagent/qmp/guest_link.h"
#include "hostagent/qmp/qmp.h"
#include "hostagent/qmp/serial_log.h"

/* Where the time of a start goes; monotonic. */
struct desktop_times {
	int64_t wanted_ms, turn_ms, cloned_ms, spawned_ms, qmp_ms, resumed_ms, reachable_ms,
		confirmed_ms, shown_ms, identified_ms;
	int64_t guest_us[GUEST_STEPS];
};

/* How far the newest identity has come. */
struct desktop_proof {
	unsigned number;	/* of the identity; answers about older ones are dropped */
	bool asked;		/* the RDP server is being asked, or has answered */
	bool shown;		/* it has shown what was asked for */
	bool told;		/* the guest is done */
	char given_sha256[VM_SHA256_SIZE], asked_sha256[VM_SHA256_SIZE];
};

/* What asking the RDP server came to. */
struct desktop_check {
	unsigned number;
	char sha256[VM_SHA256_SIZE];
	int64_t confirmed_ms;	/* when it chose TLS */
	int result;
	struct error err;
};

/* The disk of the user; hostagent/desktop_home.c alone writes here. */
struct desktop_home {
	struct vm_home want;		/* id "" = none */
	enum home_state state;
	bool unknown;			/* taken up from an earlier agent and not looked at yet */
	bool locked;			/* QEMU has said that somebody else has the image */
	unsigned attempt;
	struct user_disk disk;
	int64_t wanted_ms;		/* monotonic */
	char reason[200];
	struct loop_timer *retry, *deadline;
};

/* Why a desktop stands still; hostagent/desktop_pause.c alone writes here. */
enum desktop_pause_kind { PAUSE_NONE, PAUSE_DISK, PAUSE_QUOTA };
struct desktop_pause {
	enum desktop_pause_kind kind;
	bool no_space, of_home;		/* of PAUSE_DISK */
	bool goes_on;			/* runs again, and is watched for a moment */
	bool found_paused;		/* by this agent, which does not know why yet */
	bool known;			/* this QEMU was told the quota */
	int64_t max_bytes;		/* of the overlay; 0: no limit */
	int percent;			/* of it, as told */
	char reason[160];
	struct loop_timer *timer;
};

enum desktop_order { ORDER_NONE, ORDER_SHOW, ORDER_LOG_OFF };

/* desktop_orders.c */
struct desktop_orders {
	struct sync_notice *notices;	/* by their number */
	size_t notice_count;
	int64_t log_off_stay;		/* 0: none */
	int64_t shown;			/* highest number that the guest has shown */
	enum desktop_order asked;	/* the guest has not answered yet */
	int64_t asked_seq;
	struct loop_timer *again;
};

/* desktop_turn.c */
struct desktop_turn {
	bool waits, for_user;
	int64_t came;		/* number in the order of arrival; 0: does not ask for a turn */
	int64_t asked_ms;	/* when it came; monotonic */
	int64_t since_ms;	/* its turn, monotonic; 0: it has none */
	int64_t waited_ms;	/* for the newest one */
};

struct desktop {
	struct list node;
	struct desktop_host *host;
	struct vm_spec spec;
	enum vm_state state;
	int64_t since_ms;		/* of the state; monotonic */
	int64_t started_ms;		/* of QEMU, to learn how long a boot takes */
	int64_t start_ms;		/* what the newest start took, from its turn; 0: not known */
	unsigned failures;
	unsigned attempt;		/* number of the QEMU; results of older ones are dropped */
	int reported_percent;
	bool refused;     /* in this state the guest has said why it is late */
	bool blameless;   /* the error says nothing about its image */
	char reason[256]; /* of the last error */
	char deed[VM_DEED_SIZE];
	char request[VM_REQUEST_SIZE]; /* of who gave the last order; "" nobody we know */
	bool resumed;     /* this QEMU is a clone, and has not rebooted since */
	bool stood_by;			/* it was started before this desktop was wanted */
	bool standby;			/* nobody's: what stood by, on its way out */
	struct desktop_times times;
	json_t *start;			/* how long the newest start took, by its stages; or NULL */
	struct desktop_proof proof;
	/* The user's stay, counted so that telling it twice does no harm. */
	char logged_on[64];		/* account in the guest */
	int64_t logoffs, resets;	/* since the desktop was made */
	int64_t guest_logoffs;		/* the guest's own count, of its present boot */
	char guest_boot[64];		/* the guest's name of that boot; "" not known */
	int64_t restart_to;		/* incarnation that was ordered and not begun */
	bool note_due;			/* `note` runs */
	int64_t inspect_number;		/* of the inspection that was asked for last */
	json_t *inspection;		/* how it went; NULL: under way, or never asked for */
	struct desktop_orders orders;
	struct desktop_turn turn;
	char exit_reason[64];		/* what QMP said before QEMU went */
	char rdp_certificate_sha256[VM_SHA256_SIZE];

	int64_t pss_bytes, overlay_bytes, weighed_ms;	/* hostagent/weigh.c; 0 = not yet */
	struct desktop_home home;
	struct desktop_pause pause;
	pid_t pid;
	struct loop_child *process;
	struct qmp *qmp;
	bool qmp_ready;
	bool held;			/* for a template that is coming */
	bool waited_in_vain;		/* for one, and does not again */
	bool waking;			/* its QEMU waits to be told whose state to load */
	struct guest_link *guest;
	struct serial_log *serial;
	struct loop_timer *deadline, *retry, *reconnect, *progress, *note, *hold;
};

__attribute__((nonnull)) void PRINTF_LIKE(2, 3) desktop_set_reason(struct desktop *desktop,
								     const char *fmt, ...);

/* desktop_job.c: each gives the desktop its event when it is done. */
void desktop_job_check_image(struct desktop *desktop);
void desktop_job_clone(struct desktop *desktop);
void desktop_job_spawn(struct desktop *desktop);
void desktop_job_kill(struct desktop *desktop);
void desktop_job_clean(struct desktop *desktop);
void desktop_job_save(struct desktop *desktop);
void desktop_job_check_rdp(struct desktop *desktop);

/* desktop_hold.c */
void desktop_hold_init(struct desktop *desktop);
/* True: it waits for its template, and asks for its turn when that has come. */
bool desktop_hold(struct desktop *desktop);
void desktop_hold_end(struct desktop *desktop);
/* What a person is told meanwhile; "" when it does not wait. */
void desktop_hold_text(const struct desktop *desktop, char *out, size_t size);

/* desktop_turn.c */
/* Its image is there: makes it as soon as it may start. */
void desktop_turn_ask(struct desktop *desktop);
void desktop_turn_entered(struct desktop *desktop, enum vm_state before);
/* 1: its turn is next; 0: it does not wait. */
int desktop_turn_place(const struct desktop *desktop);
/* What a person is told meanwhile; nothing is written when it does not wait. */
void desktop_turn_text(int place, char *out, size_t size);

/* desktop_stay.c */
void desktop_stay_init(struct desktop *desktop);
/* What is known of it is written down in a moment. */
void desktop_stay_note(struct desktop *desktop);
void desktop_take_user(struct desktop *desktop, const struct guest_message *message);
void desktop_guest_rebooted(struct desktop *desktop, bool by_itself);
/* Carries out a restart that was ordered, as soon as the machine can be told. */
void desktop_restart_if_due(struct desktop *desktop);

/* desktop_home.c */
void desktop_home_init(struct desktop *desktop);
void desktop_home_free(struct desktop *desktop);
void desktop_home_adopted(struct desktop *desktop);
/* The desktop has become ready: a disk that is wanted can be plugged, or mounted again. */
void desktop_home_ready(struct desktop *desktop);
void desktop_home_answer(struct desktop *desktop, const struct guest_message *answer);
void desktop_home_released(struct desktop *desktop, const struct guest_message *answer);
void desktop_home_device_deleted(struct desktop *desktop, const char *device);
void desktop_home_rebooted(struct desktop *desktop);
/* QEMU has ended, and with it every hold on the disk. */
void desktop_home_gone(struct desktop *desktop);
json_t *desktop_home_report(const struct desktop *desktop);

/* desktop_pause.c */
void desktop_pause_init(struct desktop *desktop);
void desktop_pause_free(struct desktop *desktop);
void desktop_pause_end(struct desktop *desktop);	/* QEMU has gone */
void desktop_disk_error(struct desktop *desktop, const json_t *data);
void desktop_overlay_grew(struct desktop *desktop, const json_t *data);
void desktop_resumed_from_pause(struct desktop *desktop);
/* Of a QEMU that this agent has just connected to. */
void desktop_found_status(struct desktop *desktop, const char *status);
/* What is told as the desktop's reason. */
const char *desktop_pause_reason(const struct desktop *desktop, char *text, size_t size);
/* desktop_orders.c */
void desktop_orders_init(struct desktop *desktop);
void desktop_orders_done(struct desktop *desktop);
/* The user may have come, or the guest. */
void desktop_orders_check(struct desktop *desktop);
void desktop_orders_answered(struct desktop *desktop, const struct guest_message *answer);
/* No answer will come. */
void desktop_orders_interrupted(struct desktop *desktop);

/* desktop_inspect.c */
void desktop_inspected(struct desktop *desktop, struct span line);
/* No answer will come. */
void desktop_inspect_failed(struct desktop *desktop, const char *why);
void desktop_inspect_report(const struct desktop *desktop, json_t *report);

/* desktop_link.c */
void desktop_watch(struct desktop *desktop, pid_t pid);
/* The monitor of a machine that stood by: it runs from here on. */
void desktop_wake_standby(struct desktop *desktop, struct qmp *qmp);
/* Opens what is closed of QMP, serial and guest link; again in a moment when one is refused. */
void desktop_connect(struct desktop *desktop);
void desktop_disconnect(struct desktop *desktop);

/* desktop_identity.c */
void desktop_send_identity(struct desktop *desktop);
/* That of a machine that stands by, which nobody ever has. */
int desktop_rehearse_identity(const struct desktop_host *host, const struct vm_spec *spec,
			      struct guest_link *guest) MUST_CHECK;
void desktop_guest_reachable(struct desktop *desktop);
void desktop_guest_identified(struct desktop *desktop, const struct guest_message *message);
void desktop_rdp_checked(struct desktop *desktop, const struct desktop_check *check);

#endif
