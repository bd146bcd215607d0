/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - what `genkanctl doctor` looks at on a machine of a site, and what it says of it. Each
 * finding tells how to mend it. */
#ifndef GENKAN_CTL_DOCTOR_H
#define GENKAN_CTL_DOCTOR_H

#include "common/data/json.h"

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_BAD };

struct finding {
	const char *check; /* fixed word: "clock", "certificate" */
	enum finding_level level;
	char text[320];
	const char *mend; /* fixed text; "" when there is nothing to do */
};

struct findings {
	struct finding *items;
	size_t count;
};
void findings_done(struct findings *findings);
DEFINE_OWNED_VALUE(findings_done, struct findings);
void finding_add(struct findings *f, const char *check, enum finding_level level, const char *mend,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);

/* ---- judgements: pure */

/* Days until a certificate ends: below 1 and 7 bad, below 30 a warning. */
enum finding_level doctor_judge_days(int64_t days);
/* Debian's order of versions; -1, 0, 1. Only what upstream versions are made of. */
int doctor_compare_versions(const char *a, const char *b);
enum finding_level doctor_judge_disk(int64_t free_bytes, int64_t total_bytes);
/* What adjtimex(2) answered: the clock's state (or -errno), its status bits, its largest error. */
void doctor_judge_clock(struct findings *f, int state, int status, long error_us);
/* The mode of transparent huge pages as the kernel writes it ("always [madvise] never", or ""). */
void doctor_judge_huge_pages(struct findings *f, const char *mode);
/* Flags of /proc/cpuinfo and the switches of the kernel's module ("Y", "1", "N", "0" or ""). */
void doctor_judge_processor(struct findings *f, const char *flags, const char *second_level,
			    const char *nested);
/* Whether rules as `nft -j list ruleset` tells them shut a TCP port for everybody on other machines;
 * then which chain does. Rules that depend on who asks shut nothing. */
bool doctor_firewall_shuts(const json_t *nft, int port, char chain[128]);

/* ---- looking */

void doctor_look_common(struct findings *f);
void doctor_look_broker(struct findings *f);
void doctor_look_host(struct findings *f);
void doctor_look_certificate(struct findings *f, const char *path, const char *mend);
void doctor_look_key(struct findings *f, const char *path);
void doctor_look_disk(struct findings *f, const char *what, const char *path);
void doctor_look_name(struct findings *f, const char *address, const char *mend);
/* The door a program opens at `listen` ("0.0.0.0:8443"), as far as it is one for other machines. */
void doctor_look_door(struct findings *f, const char *who, const char *listen);
/* Runs a program that ends with 0 when all is well; its last line is told when not. */
bool doctor_run(const char *const argv[], const char *user, char said[200]);

#endif
