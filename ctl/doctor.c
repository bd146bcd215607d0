/* SPDX-License-Identifier: Apache-2.0 */
/* genkanctl doctor: the command, and what is looked at on every machine. */
#include "ctl/doctor.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <unistd.h>
#include "common/net/tls.h"
#include "ctl/ctl.h"
#include "ctl/setup.h"

/* Below these there are known holes in what strangers reach. */
static const struct {
	const char *package, *least, *mend;
	bool supported_only; /* works below it, without security support */
} floors[] = {
	{ "libssl3", "3.0.15",
	  "apt-get update && apt-get upgrade, with the security suite of Debian", false },
	{ "libssl3t64", "3.5.0",
	  "apt-get update && apt-get upgrade, with the security suite of Debian", false },
	{ "qemu-system-x86", "1:8.2",
	  "Debian 12: apt-get install -t bookworm-backports qemu-system-x86", false },
	{ "libfreerdp3-3", "3.15",
	  "Debian 13 has FreeRDP 3.15 with security support; Debian 12 has not", true },
};

bool doctor_run(const char *const argv[], const char *user, char said[200])
{
	OWNED(buf_done) struct buf output = BUF_LIMIT(4096);
	const char *const shell[] = { "/bin/sh",
				      "-c",
				      "exec 2>&1; exec \"$0\" \"$@\"",
				      argv[0],
				      argv[1],
				      argv[1] ? argv[2] : NULL,
				      argv[1] && argv[2] ? argv[3] : NULL,
				      NULL };
	struct error err = { 0 };
	int rc = setup_run(shell, user, (struct span){ 0 }, &output, &err);

	while (output.len && output.ptr[output.len - 1] == '\n')
		output.len--;
	OWNED(free) char *text = buf_steal_text(&output);
	const char *newline = strrchr(text, '\n');
	const char *last = newline ? newline + 1 : text;
	snprintf(said, 200, "%.190s", *last ? last : rc < 0 ? err.text : "");
	return rc == 0;
}

void doctor_look_certificate(struct findings *f, const char *path, const char *mend)
{
	OWNED(X509_free) X509 *certificate = NULL;
	struct error err = { 0 };
	int days = 0, seconds = 0;

	if (tls_certificate_load(path, &certificate, &err) < 0) {
		finding_add(f, "certificate", FINDING_BAD, mend, "%s", err.text);
		return;
	}
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		finding_add(f, "certificate", FINDING_BAD, "set the clock right",
			    "%s is not valid yet", path);
	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
	enum finding_level level = doctor_judge_days(seconds < 0 && days == 0 ? -1 : days);
	finding_add(f, "certificate", level, level == FINDING_OK ? "" : mend,
		    days < 1 ? "%s has ended or ends within a day (%d)" : "%s ends in %d days",
		    path, days);
}

void doctor_look_key(struct findings *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		finding_add(f, "key", FINDING_BAD, "restore it from a backup (genkanctl restore)",
			    "%s: %s", path, strerror(errno));
	else if (st.st_mode & 077)
		finding_add(
			f, "key", FINDING_BAD, "chmod 0600 it, and renew it: others could read it",
			"%s can be read by others (mode %04o)", path, (unsigned)st.st_mode & 07777);
	else
		finding_add(f, "key", FINDING_OK, "", "%s is its owner's alone", path);
}

void doctor_look_disk(struct findings *f, const char *what, const char *path)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0) {
		finding_add(f, "disk", FINDING_BAD, "make the folder, or correct the settings",
			    "%s %s: %s", what, path, strerror(errno));
		return;
	}
	int64_t room = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
	enum finding_level level =
		doctor_judge_disk(room, (int64_t)st.f_blocks * (int64_t)st.f_frsize);
	finding_add(f, "disk", level,
		    level == FINDING_OK ? ""
					: "make room, or move the folder to a larger file system",
		    "%s %s: %lld MiB free", what, path, (long long)(room >> 20));
}

/* "host:port", or a name alone. */
void doctor_look_name(struct findings *f, const char *address, const char *mend)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[256];

	snprintf(host, sizeof(host), "%s", address);
	if (strrchr(host, ':') && strchr(host, ':') == strrchr(host, ':'))
		*strrchr(host, ':') = '\0';
	int rc = getaddrinfo(host, NULL, &hints, &found);
	if (rc == 0)
		freeaddrinfo(found);
	finding_add(f, "dns", rc == 0 ? FINDING_OK : FINDING_BAD, rc == 0 ? "" : mend, "%s%s%s",
		    host, rc == 0 ? " is known" : ": ", rc == 0 ? "" : gai_strerror(rc));
}

/* The rules of this machine's packet filter; NULL without one. */
static json_t *nft_rules(void)
{
	OWNED(buf_done) struct buf output = BUF_LIMIT(16 << 20);
	const char *const list[] = { "/usr/sbin/nft", "-j", "list", "ruleset", NULL };

	if (access(list[0], X_OK) < 0 ||
	    setup_run(list, NULL, (struct span){ 0 }, &output, NULL) < 0)
		return NULL;
	return json_loadb((const char *)output.ptr, output.len, 0, NULL);
}

void doctor_look_door(struct findings *f, const char *who, const char *listen)
{
	OWNED(json_decref) json_t *rules = nft_rules();
	const char *colon = strrchr(listen, ':');
	int port = colon ? atoi(colon + 1) : 0;
	char chain[128];

	if (!rules || !port || strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0)
		return;
	if (doctor_firewall_shuts(rules, port, chain))
		finding_add(f, "firewall", FINDING_BAD,
			    "let that port in, for now: nft insert rule CHAIN tcp dport PORT "
			    "accept; for "
			    "good: where the rules come from (/etc/nftables.conf, ufw, firewalld)",
			    "%s: nobody reaches TCP port %d, chain \"%s\" of nftables shuts it",
			    who, port, chain);
	else
		finding_add(f, "firewall", FINDING_OK, "", "%s: TCP port %d is not shut", who,
			    port);
}

static void look_clock(struct findings *f)
{
	struct timex now = { 0 };
	int state = adjtimex(&now);

	doctor_judge_clock(f, state < 0 ? -errno : state, now.status, now.maxerror);
}

static void look_version(struct findings *f, size_t i)
{
	OWNED(buf_done) struct buf output = BUF_LIMIT(4096);
	const char *const query[] = {
		"/bin/sh", "-c",
		"exec dpkg-query -W -f='${db:Status-Status} ${Version}\n' \"$0\" "
		"2>/dev/null",
		floors[i].package, NULL
	};
	char status[32] = "", version[128] = "";

	if (setup_run(query, NULL, (struct span){ 0 }, &output, NULL) < 0 ||
	    sscanf(buf_text(&output), "%31s %127s", status, version) != 2 ||
	    strcmp(status, "installed") != 0)
		return;
	bool below = doctor_compare_versions(version, floors[i].least) < 0;
	finding_add(f, "version",
		    !below                     ? FINDING_OK
		    : floors[i].supported_only ? FINDING_WARN
					       : FINDING_BAD,
		    below ? floors[i].mend : "", "%s %s%s%s", floors[i].package, version,
		    below ? " is below the floor of " : "", below ? floors[i].least : "");
}

void doctor_look_common(struct findings *f)
{
	look_clock(f);
	for (size_t i = 0; i < ARRAY_LEN(floors); i++)
		look_version(f, i);
}

/* ----------------------------------------------------------------------------------- command */

static const char *const words[] = { "ok", "warning", "bad" };

static void print_json(const struct findings *f, const char *const *roles)
{
	OWNED(json_decref) json_t *list = json_array();
	json_t *machine = json_array();

	for (size_t i = 0; roles[i]; i++)
		json_array_append_new(machine, json_string(roles[i]));
	for (size_t i = 0; i < f->count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "check", f->items[i].check,
						"level", words[f->items[i].level], "text",
						f->items[i].text, "mend", f->items[i].mend));
	OWNED(json_decref)
	json_t *all = json_pack("{s:o, s:O}", "machine", machine, "findings", list);
	ctl_print_json(all);
}

static void print_text(const struct findings *f, bool all)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *item = &f->items[i];

		if (item->level == FINDING_OK && !all)
			continue;
		printf("%-8s %-14s %s\n", words[item->level], item->check, item->text);
		if (*item->mend)
			printf("%-8s %-14s mend: %s\n", "", "", item->mend);
	}
}

static size_t count(const struct findings *f, enum finding_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->items[i].level == level;
	return n;
}

int doctor(struct ctl *ctl, struct error *err)
{
	OWNED(findings_done) struct findings f = { 0 };
	bool broker = access(SETUP_ETC "/broker.conf", F_OK) == 0;
	bool host = access(SETUP_ETC "/hostagent.conf", F_OK) == 0;
	const char *roles[3] = { NULL };

	if (setup_needs_root("doctor", err) < 0)
		return -EPERM;
	if (!broker && !host)
		finding_add(&f, "settings", FINDING_WARN,
			    "sudo genkanctl init on the broker, sudo genkanctl host join on a host",
			    "this machine is neither broker nor host yet");
	roles[0] = broker ? "broker" : host ? "host" : NULL;
	roles[1] = broker && host ? "host" : NULL;
	doctor_look_common(&f);
	if (broker)
		doctor_look_broker(&f);
	if (host)
		doctor_look_host(&f);
	if (ctl->args.json) {
		print_json(&f, roles);
	} else {
		print_text(&f, ctl->args.all);
		printf("%zu bad, %zu warnings, %zu well\n", count(&f, FINDING_BAD),
		       count(&f, FINDING_WARN), count(&f, FINDING_OK));
	}
	return count(&f, FINDING_BAD) == 0 ? 0
					   : error_set(err, EPROTO, "something needs to be mended");
}
