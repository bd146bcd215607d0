/* SPDX-License-Identifier: Apache-2.0 */
/* What genkanctl doctor looks at on the broker's machine. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ctl/doctor.h"
#include "ctl/settings.h"
#include "ctl/setup.h"

#define CONFIG SETUP_ETC "/broker.conf"
#define CONNECT_MS 2000

static int connect_one(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd waiting = { .fd = fd, .events = POLLOUT };
	int failure = 0;
	socklen_t len = sizeof(failure);

	if (fd < 0)
		return -errno;
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		failure = errno;
	else if (poll(&waiting, 1, CONNECT_MS) != 1)
		failure = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	close(fd);
	return -failure;
}

static void look_server(struct findings *f, const char *uri)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[256], port[8];
	const char *p = strstr(uri, "://") ? strstr(uri, "://") + 3 : uri;
	const char *colon = strrchr(p, ':');
	int rc;

	snprintf(port, sizeof(port), "%s", strncmp(uri, "ldaps", 5) == 0 ? "636" : "389");
	if (colon && strspn(colon + 1, "0123456789") == strcspn(colon + 1, "/") &&
	    !strchr(colon, ']'))
		snprintf(port, sizeof(port), "%.*s", (int)strspn(colon + 1, "0123456789"),
			 colon + 1);
	else
		colon = NULL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon ? (size_t)(colon - p) : strcspn(p, "/")),
		 p);
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0) {
		finding_add(f, "directory", FINDING_BAD,
			    "correct directory.uri in broker.conf, or the DNS", "%s: %s", uri,
			    gai_strerror(rc));
		return;
	}
	rc = connect_one(found);
	freeaddrinfo(found);
	if (rc < 0)
		finding_add(f, "directory", FINDING_BAD,
			    "look at the server, the firewall between, and directory.uri in "
			    "broker.conf",
			    "%s: %s", uri, strerror(-rc));
	else
		finding_add(f, "directory", FINDING_OK, "",
			    "%s answers; genkanctl directory test USER asks "
			    "it about a user",
			    uri);
}

static void look_directory(struct findings *f)
{
	OWNED(free) char *uris = ini_value(CONFIG, "directory", "uri", "");
	OWNED(free) char *ca = ini_value(CONFIG, "directory", "ca_file", "");
	char *rest = NULL;

	for (char *uri = strtok_r(uris, " ,", &rest); uri; uri = strtok_r(NULL, " ,", &rest))
		look_server(f, uri);
	doctor_look_certificate(f, ca,
				"get the directory's CA certificate anew: directory.ca_file");
}

static void look_names(struct findings *f)
{
	OWNED(free) char *names = ini_value(CONFIG, "broker", "names", "");
	char *rest = NULL;

	for (char *name = strtok_r(names, " ,", &rest); name; name = strtok_r(NULL, " ,", &rest))
		doctor_look_name(f, name, "enter it in the DNS, or correct broker.names");
}

static void look_service(struct findings *f)
{
	const char *const argv[] = { "/usr/bin/systemctl", "is-active", "genkan-broker.service",
				     NULL };
	char said[200];

	if (doctor_run(argv, NULL, said))
		finding_add(f, "service", FINDING_OK, "", "genkan-broker runs");
	else
		finding_add(f, "service", FINDING_BAD,
			    "systemctl enable --now genkan-broker; journalctl -u genkan-broker "
			    "tells why not",
			    "genkan-broker does not run (%s)", said);
}

static void look_doors(struct findings *f)
{
	OWNED(free) char *people = ini_value(CONFIG, "broker", "listen", "0.0.0.0:8443");
	OWNED(free) char *hosts = ini_value(CONFIG, "broker", "agent_listen", "0.0.0.0:8444");

	doctor_look_door(f, "broker.listen", people);
	doctor_look_door(f, "broker.agent_listen", hosts);
}

static void look_state(struct findings *f)
{
	OWNED(free)
	char *state = ini_value(CONFIG, "broker", "state_dir", "/var/lib/genkan/broker");
	OWNED(free) char *site = ini_value(CONFIG, "broker", "certificate", "");
	OWNED(free) char *images = ini_value(CONFIG, "images", "dir", "");
	static const char *const keys[] = { "ca.key", "broker.key", "admin.key",
					    "guest-signing.key", "second-factor.keys" };
	static const struct {
		const char *name, *mend;
	} certificates[] = {
		{ "ca.crt",
		  "a new CA: every host joins again, every admin gets a new certificate" },
		{ "broker.crt",
		  "the running broker renews it; sudo genkanctl init makes a missing one" },
		{ "admin.crt",
		  "remove admin.crt and admin.key from the state folder and /etc/genkan, then "
		  "sudo genkanctl init" },
	};
	char path[4200];

	for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
		snprintf(path, sizeof(path), "%s/%s", state, certificates[i].name);
		doctor_look_certificate(f, path, certificates[i].mend);
	}
	if (*site)
		doctor_look_certificate(f, site,
					"renew the site's certificate: broker.certificate");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(path, sizeof(path), "%s/%s", state, keys[i]);
		doctor_look_key(f, path);
	}
	doctor_look_disk(f, "broker.state_dir", state);
	if (*images)
		doctor_look_disk(f, "images.dir", images);
}

void doctor_look_broker(struct findings *f)
{
	const char *const check[] = { "/usr/sbin/genkan-broker", "--check", NULL };
	char said[200];

	if (doctor_run(check, SETUP_BROKER_USER, said))
		finding_add(f, "settings", FINDING_OK, "", CONFIG " is valid");
	else
		finding_add(f, "settings", FINDING_BAD, "correct " CONFIG ": genkan-broker.conf(5)",
			    "%s", said);
	look_service(f);
	look_names(f);
	look_doors(f);
	look_directory(f);
	look_state(f);
}
