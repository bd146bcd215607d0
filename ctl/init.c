/* SPDX-License-Identifier: Apache-2.0 */
/* genkanctl init: a new machine becomes the broker of a site. Can be given again at any time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/data/config.h"
#include "common/sys/file.h"
#include "ctl/ctl.h"
#include "ctl/settings.h"
#include "ctl/setup.h"

#define CONFIG SETUP_ETC "/broker.conf"
#define PROGRAM "/usr/sbin/genkan-broker"
#define DIRECTORY_CA SETUP_ETC "/directory-ca.crt"
#define DIRECTORY_PASSWORD SETUP_ETC "/directory-password"
#define FILE_MAX (64 * 1024)

static int copy_file(const char *from, const char *to, mode_t mode, const char *user,
		     struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	int rc = file_read(from, FILE_MAX, &text, err);

	return rc < 0 ? rc : setup_file(to, buf_span(&text), mode, user, err);
}

/* What the directory needs to be reached, copied to where the settings name it. */
static int keep_directory_files(const struct arguments *args, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	int rc = 0;

	if (args->directory_ca)
		rc = copy_file(args->directory_ca, DIRECTORY_CA, 0644, NULL, err);
	if (rc == 0 && args->password_file)
		rc = file_read_secret(args->password_file, &password, err);
	if (rc == 0 && args->password_file)
		rc = setup_file(DIRECTORY_PASSWORD, span_of(password.bytes, password.len), 0600,
				SETUP_BROKER_USER, err);
	return rc;
}

static int make_settings(const struct arguments *args, struct error *err)
{
	char host[256];

	setup_host_name(host);
	const struct setup_value values[] = {
		{ "names", args->names ? args->names : host },
		{ "uri", args->directory },
		{ "ca_file", args->directory_ca ? DIRECTORY_CA : NULL },
		{ "base_dn", args->base_dn },
		{ "bind_dn", args->bind_dn },
		{ "bind_password_file", args->password_file ? DIRECTORY_PASSWORD : NULL },
	};

	return setup_settings("broker.conf", values, ARRAY_LEN(values), err);
}

static int run_broker(const char *flag, const char *value, struct error *err)
{
	const char *const argv[] = { PROGRAM, "--config", CONFIG, flag, value, NULL };

	return setup_run(argv, SETUP_BROKER_USER, (struct span){ 0 }, NULL, err);
}

/* The first admin, and the profile with which genkanctl finds the broker on this machine. */
static int make_profile(struct error *err)
{
	OWNED(free)
	char *state = ini_value(CONFIG, "broker", "state_dir", "/var/lib/genkan/broker");
	OWNED(free) char *names = ini_value(CONFIG, "broker", "names", "localhost");
	OWNED(free) char *listen = ini_value(CONFIG, "broker", "listen", "0.0.0.0:8443");
	OWNED(buf_done) struct buf profile = { 0 };
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = { { "ca.crt", 0644 }, { "admin.crt", 0644 }, { "admin.key", 0600 } };
	const char *port = strrchr(listen, ':');
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++) {
		OWNED(buf_done) struct buf from = BUF_LIMIT(4096);
		OWNED(buf_done) struct buf to = BUF_LIMIT(256);

		buf_printf(&from, "%s/%s", state, files[i].name);
		buf_printf(&to, SETUP_ETC "/%s", files[i].name);
		rc = copy_file(buf_text(&from), buf_text(&to), files[i].mode, NULL, err);
	}
	names[strcspn(names, " ,")] = '\0';
	buf_printf(&profile,
		   "; How genkanctl reaches the broker: genkanctl(1), PROFILE.\n[broker]\n"
		   "address = %s:%s\nca = " SETUP_ETC "/ca.crt\ncertificate = " SETUP_ETC
		   "/admin.crt\nkey = " SETUP_ETC "/admin.key\n",
		   names, port ? port + 1 : "8443");
	if (rc == 0 && access(SETUP_ETC "/ctl.conf", F_OK) == 0)
		return 0;
	return rc < 0 ? rc : setup_file(SETUP_ETC "/ctl.conf", buf_span(&profile), 0644, NULL, err);
}

int site_init(struct ctl *ctl, struct error *err)
{
	const struct arguments *args = &ctl->args;
	bool fresh = access(CONFIG, F_OK) < 0;
	int rc = setup_needs_root("init", err);

	if (rc < 0 || (rc = keep_directory_files(args, err)) < 0 ||
	    (rc = make_settings(args, err)) < 0)
		return rc;
	if (fresh && !(args->directory && args->directory_ca && args->base_dn)) {
		printf("Now write into " CONFIG " where your directory is, then give this command "
		       "again.\n");
		return 0;
	}
	if ((rc = run_broker("--init", NULL, err)) < 0 ||
	    (rc = run_broker("--check", NULL, err)) < 0 || (rc = make_profile(err)) < 0)
		return rc;
	if (args->admin && (rc = run_broker("--admin", args->admin, err)) < 0)
		return rc;
	printf("The broker is ready. Start it: systemctl enable --now genkan-broker\n");
	return 0;
}
