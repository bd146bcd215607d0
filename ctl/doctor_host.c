/* SPDX-License-Identifier: Apache-2.0 */
/* What genkanctl doctor looks at on a host of desktops. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctl/doctor.h"
#include "ctl/settings.h"
#include "ctl/setup.h"

#define CONFIG SETUP_ETC "/hostagent.conf"
#define RELAY_CONFIG SETUP_ETC "/relay.conf"

static char *setting(const char *key, const char *fallback)
{
	return ini_value(CONFIG, "hostagent", key, fallback);
}

/* A short file of /proc or /sys; "" when it is not there. */
static void read_short(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(out, 1, size - 1, file) : 0;

	out[len] = '\0';
	if (file)
		fclose(file);
}

/* ----------------------------------------------------------------------------------- processor */

static void look_processor(struct findings *f)
{
	char cpuinfo[16384], level[8], nested[8];
	char *flags;

	read_short("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	flags = strstr(cpuinfo, "\nflags");
	flags = flags ? flags + 1 : cpuinfo;
	flags[strcspn(flags, "\n")] = '\0';
	read_short("/sys/module/kvm_intel/parameters/ept", level, sizeof(level));
	if (!*level)
		read_short("/sys/module/kvm_amd/parameters/npt", level, sizeof(level));
	read_short("/sys/module/kvm_intel/parameters/nested", nested, sizeof(nested));
	if (!*nested)
		read_short("/sys/module/kvm_amd/parameters/nested", nested, sizeof(nested));
	doctor_judge_processor(f, flags, level, nested);
}

/* The answer of a tiny guest: /dev/kvm alone proves nothing. */
static void look_kvm(struct findings *f)
{
	const char *const probe[] = { "/usr/sbin/genkan-hostagent", "--probe", NULL };
	char said[200];
	bool works = doctor_run(probe, NULL, said);

	if (works && strcmp(said, "kvm") == 0)
		finding_add(f, "kvm", FINDING_OK, "", "KVM runs a guest");
	else if (works)
		finding_add(
			f, "kvm", FINDING_WARN,
			"a host for real work needs KVM: see virtualization; then production = yes",
			"KVM runs no guest here; desktops are emulated (%s), which hostagent.conf "
			"allows",
			said);
	else
		finding_add(f, "kvm", FINDING_BAD,
			    "modprobe kvm_intel or kvm_amd; virtualization switched on in the "
			    "firmware; "
			    "what this machine runs on, if it is a virtual one, has to allow it",
			    "no guest runs here: %s", said);
}

static void look_huge_pages(struct findings *f)
{
	char mode[64];

	read_short("/sys/kernel/mm/transparent_hugepage/enabled", mode, sizeof(mode));
	doctor_judge_huge_pages(f, mode);
}

/* ------------------------------------------------------------------------------------- network */

/* The kernel is asked, not /sys: that may show another network than the one this runs in. */
static void look_bridge(struct findings *f)
{
	OWNED(free) char *bridge = setting("bridge", "genkan0");
	OWNED(buf_done) struct buf stranger = BUF_LIMIT(65536);
	const char *const ports[] = { "/bin/sh", "-c",
				      "ip -o link show master \"$0\" | "
				      "sed 's/^[0-9]*: *\\([^:@]*\\).*/\\1/' | "
				      "sed '/^gk/d' | head -n 1",
				      bridge, NULL };
	struct error err = { 0 };

	if (!if_nametoindex(bridge)) {
		finding_add(
			f, "bridge", FINDING_BAD,
			"systemctl restart genkan-hostagent makes it, and puts the desktops that "
			"run on it again",
			"%s is not there: no desktop can be reached", bridge);
		return;
	}
	if (setup_run(ports, NULL, (struct span){ 0 }, &stranger, &err) < 0)
		finding_add(f, "bridge", FINDING_WARN, "apt-get install iproute2", "%s", err.text);
	else if (stranger.len)
		finding_add(f, "bridge", FINDING_BAD,
			    "ip link set that device nomaster: nothing but desktops belongs into "
			    "this bridge",
			    "%s has a port that is no desktop: %.*s", bridge,
			    (int)strcspn(buf_text(&stranger), "\n"), buf_text(&stranger));
	else
		finding_add(f, "bridge", FINDING_OK, "", "%s has desktops only", bridge);
}

static void look_firewall(struct findings *f)
{
	OWNED(free) char *bridge = setting("bridge", "genkan0");
	const char *const table[] = { "/bin/sh", "-c",
				      "nft list table inet genkan && nft list table bridge genkan",
				      NULL };
	char said[200];

	if (access("/usr/sbin/nft", X_OK) < 0)
		finding_add(f, "firewall", FINDING_BAD, "apt-get install nftables",
			    "nft is missing");
	else if (!if_nametoindex(bridge))
		finding_add(f, "firewall", FINDING_OK, "", "no bridge yet, so nothing to shut");
	else if (!doctor_run(table, NULL, said))
		finding_add(
			f, "firewall", FINDING_BAD,
			"systemctl restart genkan-hostagent; look for what empties the rule set "
			"(nftables.service with flush ruleset)",
			"the rules that shut the desktops' bridge are gone: %s", said);
	else
		finding_add(f, "firewall", FINDING_OK, "",
			    "the rules of the desktops' bridge are there");
}

static void look_door(struct findings *f)
{
	OWNED(free) char *listen = ini_value(RELAY_CONFIG, "relay", "listen", "0.0.0.0:3389");

	doctor_look_door(f, "relay.listen", listen);
}

/* -------------------------------------------------------------------------------------- services
 */

static void look_service(struct findings *f, const char *unit, const char *mend)
{
	const char *const argv[] = { "/usr/bin/systemctl", "is-active", unit, NULL };
	char said[200];
	bool runs = doctor_run(argv, NULL, said);

	finding_add(f, "service", runs ? FINDING_OK : FINDING_BAD, runs ? "" : mend, "%s is %s",
		    unit, said);
}

/* An upgrade starts it anew; by hand, or when that failed, the old one may still run. */
static void look_relay_age(struct findings *f)
{
	const char *const pid[] = { "/bin/sh", "-c",
				    "readlink /proc/$(systemctl show -P MainPID genkan-relay)/exe",
				    NULL };
	char said[200];

	if (doctor_run(pid, NULL, said) && strstr(said, "(deleted)"))
		finding_add(f, "relay", FINDING_WARN,
			    "systemctl restart genkan-relay when nobody works: it ends their "
			    "sessions, not "
			    "their desktops",
			    "the relay that runs is older than the one that is installed");
}

static void look_folders(struct findings *f)
{
	static const struct {
		const char *key, *fallback;
	} folders[] = { { "state_dir", "/var/lib/genkan/host" },
			{ "image_dir", "/var/lib/genkan/images" },
			{ "overlay_dir", "" },
			{ "user_disk_dir", "" } };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		OWNED(free) char *path = setting(folders[i].key, folders[i].fallback);

		if (*path)
			doctor_look_disk(f, folders[i].key, path);
	}
}

static void look_certificates(struct findings *f)
{
	OWNED(free) char *state = setting("state_dir", "/var/lib/genkan/host");
	OWNED(free) char *ca = setting("ca_file", SETUP_ETC "/ca.crt");
	static const char *const names[] = { "host", "relay" };
	char path[4200];

	doctor_look_certificate(f, ca, "copy ca.crt of the broker's state folder there");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s.crt", state, names[i]);
		doctor_look_certificate(
			f, path,
			"genkanctl host invite NAME on the admin's machine, and the line "
			"that it prints here; then systemctl restart genkan-hostagent");
		snprintf(path, sizeof(path), "%s/%s.key", state, names[i]);
		doctor_look_key(f, path);
	}
}

void doctor_look_host(struct findings *f)
{
	const char *const check[] = { "/usr/sbin/genkan-hostagent", "--check", NULL };
	OWNED(free) char *broker = setting("broker", "");
	char said[200];

	if (doctor_run(check, NULL, said))
		finding_add(f, "settings", FINDING_OK, "", CONFIG " is valid");
	else
		finding_add(f, "settings", FINDING_BAD,
			    "correct " CONFIG ": genkan-hostagent.conf(5)", "%s", said);
	look_processor(f);
	look_kvm(f);
	look_huge_pages(f);
	doctor_look_name(f, broker, "enter it in the DNS, or correct hostagent.broker");
	look_certificates(f);
	look_folders(f);
	look_bridge(f);
	look_firewall(f);
	look_door(f);
	look_service(f, "genkan-hostagent.service",
		     "systemctl enable --now genkan-hostagent; journalctl -u genkan-hostagent "
		     "tells why not");
	look_service(
		f, "genkan-relay.service",
		"systemctl enable --now genkan-relay; journalctl -u genkan-relay tells why not");
	look_relay_age(f);
}
