/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/data/config.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"

#define REQUEST_TIMEOUT_MS 30000
#define ATTEMPTS 4
#define RETRY_MS 500 /* doubles */

#define KEY(name, text)                                                                            \
	{ "broker", name, CONFIG_TEXT, offsetof(struct ctl_profile, text), "", "", false }

static const struct config_key profile_keys[] = {
	KEY("address", broker),
	KEY("ca", ca),
	KEY("certificate", certificate),
	KEY("key", key),
};

void ctl_profile_done(struct ctl_profile *profile)
{
	config_done(profile_keys, ARRAY_LEN(profile_keys), profile);
}

/* The first file that is there; NULL: none, and that is fine unless --config named it. */
static const char *find_profile(const struct arguments *args, struct buf *scratch)
{
	const char *home = getenv("HOME");

	if (args->config)
		return args->config;
	if (args->site) {
		buf_printf(scratch, "%s/.config/genkan/sites/%s.conf", home ? home : "", args->site);
		if (access(buf_text(scratch), F_OK) < 0) {
			buf_reset(scratch);
			buf_printf(scratch, "/etc/genkan/sites/%s.conf", args->site);
		}
		return buf_text(scratch);
	}
	if (home) {
		buf_printf(scratch, "%s/.config/genkan/ctl.conf", home);
		if (access(buf_text(scratch), F_OK) == 0)
			return buf_text(scratch);
	}
	return access("/etc/genkan/ctl.conf", F_OK) == 0 ? "/etc/genkan/ctl.conf" : NULL;
}

static void prefer(char **slot, const char *option)
{
	if (!option)
		return;
	free(*slot);
	*slot = xstrdup(option);
}

static int missing(const char *value, const char *option, struct error *err)
{
	if (value && *value)
		return 0;
	return error_set(err, ENOENT,
			 "%s is not known: give the option, or write it into "
			 "~/.config/genkan/ctl.conf (see genkanctl(1))",
			 option);
}

int ctl_profile_load(const struct arguments *args, struct ctl_profile *out, struct error *err)
{
	OWNED(ctl_profile_done) struct ctl_profile profile = { 0 };
	OWNED(buf_done) struct buf scratch = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };

	if (args->site && (!*args->site || strchr(args->site, '/')))
		return error_set(err, EINVAL, "--site: must be a name");
	if (config_load(find_profile(args, &scratch), profile_keys, ARRAY_LEN(profile_keys),
			&profile, &problems) < 0)
		return error_set(err, EINVAL, "%.*s", (int)strcspn(buf_text(&problems), "\n"),
				 buf_text(&problems));
	prefer(&profile.broker, args->broker);
	prefer(&profile.ca, args->ca);
	prefer(&profile.certificate, args->certificate);
	prefer(&profile.key, args->key);
	if (missing(profile.broker, "--broker", err) < 0 || missing(profile.ca, "--ca", err) < 0)
		return -ENOENT;
	if (!*profile.certificate != !*profile.key)
		return error_set(err, EINVAL, "--certificate and --key go together");
	*out = profile;
	profile = (struct ctl_profile){ 0 };
	return 0;
}

/* ---------------------------------------------------------------------------- who has logged in */

/* Where the token of `genkanctl login` is kept: for this user of this machine only. */
static int session_path(const struct ctl *ctl, char out[512], struct error *err)
{
	const char *home = getenv("HOME");
	const char *site = ctl->args.site;

	if (!home || (size_t)snprintf(out, 512, "%s/.config/genkan/session%s%s", home, site ? "-" : "",
				      site ? site : "") >= 512)
		return error_set(err, ENOENT, "HOME is not set: there is no place for the login");
	return 0;
}

int ctl_session_save(const struct ctl *ctl, const char *token, struct error *err)
{
	char path[512];
	int rc = session_path(ctl, path, err);

	if (rc < 0)
		return rc;
	char *slash = strrchr(path, '/');
	*slash = '\0';
	rc = file_make_dirs(path, 0700, err);
	*slash = '/';
	return rc < 0 ? rc : file_write(path, span_text(token), 0600, err);
}

void ctl_session_forget(const struct ctl *ctl)
{
	char path[512];

	if (session_path(ctl, path, NULL) == 0)
		unlink(path);
}

/* Without a certificate the token of the last login stands for it. */
static int show_login(struct ctl *ctl, struct error *err)
{
	OWNED(secret_wipe) struct secret token = { 0 };
	char path[512];
	int rc = session_path(ctl, path, err);

	if (rc == 0)
		rc = file_read_secret(path, &token, NULL);
	ctl->exit_status = rc < 0 ? CTL_NOT_LOGGED_IN : CTL_DONE;
	if (rc < 0)
		return error_set(err, EACCES,
				 "give --certificate and --key, write them into "
				 "~/.config/genkan/ctl.conf, or log in with: genkanctl login USER");
	http_client_set_bearer(ctl->client, (const char *)token.bytes);
	return 0;
}

void ctl_done(struct ctl *ctl)
{
	http_client_free(ctl->client);
}

int ctl_connect(struct ctl *ctl, struct error *err)
{
	OWNED(ctl_profile_done) struct ctl_profile profile = { 0 };

	if (ctl->client)
		return 0;
	if (ctl_profile_load(&ctl->args, &profile, err) < 0) {
		ctl->exit_status = CTL_USAGE;
		return -ENOENT;
	}

	struct http_client_config config = {
		.address = profile.broker,
		.ca_file = profile.ca,
		.certificate_file = *profile.certificate ? profile.certificate : NULL,
		.key_file = profile.key,
	};
	int rc = http_client_new(&config, &ctl->client, err);
	return rc < 0 || *profile.certificate || ctl->without_login ? rc : show_login(ctl, err);
}

/* An answer that was lost, or is "not now": the same order may be sent again. */
static bool is_worth_another(int rc, const struct http_result *result)
{
	if (rc == -ECONNRESET || rc == -ETIMEDOUT)
		return true;
	return rc == 0 && result->status == 503 && json_object_get(result->body, "retry_after_ms");
}

static void pause_before(unsigned attempt)
{
	int64_t ms = RETRY_MS << attempt;

	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static int send_order(struct ctl *ctl, const char *path, const json_t *body,
		      struct http_result *result, struct error *err)
{
	char header[64] = "Idempotency-Key: ";
	uint8_t key[16];
	int rc;

	random_bytes(key, sizeof(key));
	hex_encode(span_of(key, sizeof(key)), header + strlen(header));
	http_client_set_header(ctl->client, header);
	for (unsigned attempt = 0;; attempt++) {
		rc = http_request(ctl->client, "POST", path, body, REQUEST_TIMEOUT_MS, result, err);
		/* A broker that had begun to answer and is gone now is starting again. */
		bool again = is_worth_another(rc, result) ||
			     (attempt > 0 && rc == -ECONNREFUSED);

		if (!again || attempt == ATTEMPTS - 1)
			break;
		http_result_done(result);
		*result = (struct http_result){ 0 };
		pause_before(attempt);
	}
	http_client_set_header(ctl->client, NULL);
	return rc;
}

int ctl_request_any(struct ctl *ctl, const char *method, const char *path, json_t *body,
		    int *status, json_t **answer, struct error *err)
{
	OWNED(json_decref) json_t *sent = body;
	OWNED(http_result_done) struct http_result result = { 0 };
	int rc = ctl_connect(ctl, err);

	if (rc < 0)
		return rc;
	rc = strcmp(method, "POST") == 0 && !ctl->without_login
		     ? send_order(ctl, path, sent, &result, err)
		     : http_request(ctl->client, method, path, sent, REQUEST_TIMEOUT_MS, &result, err);
	if (rc < 0)
		return rc;
	ctl->http_status = result.status;
	*status = result.status;
	*answer = result.body ? STEAL(result.body) : json_object();
	return 0;
}

int ctl_request(struct ctl *ctl, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err)
{
	struct http_result result = { 0 };
	int rc = ctl_request_any(ctl, method, path, body, &result.status, &result.body, err);

	if (rc < 0)
		return rc;
	if (result.status >= 300) {
		rc = http_result_problem(&result, err);
		http_result_done(&result);
		return rc;
	}
	*answer = result.body;
	return 0;
}

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	putchar('\n');
}

void ctl_print_table(const struct table *table)
{
	OWNED(buf_done) struct buf text = { 0 };
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		size.ws_col = 0;
	table_render(table, size.ws_col, &text);
	fwrite(text.ptr, 1, text.len, stdout);
}

const char *ctl_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t ctl_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

int ctl_show(struct ctl *ctl, const char *path, void (*print)(const json_t *answer),
	     struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	int rc = ctl_request(ctl, "GET", path, NULL, &answer, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		print(answer);
	return 0;
}

int ctl_act(struct ctl *ctl, const char *path, json_t *body, const char *name, const char *said,
	    struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	int rc = ctl_request(ctl, "POST", path, body, &answer, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: %s\n", name, said);
	return 0;
}

int ctl_reason(const struct ctl *ctl, json_t **out, struct error *err)
{
	*out = json_pack("{s:s}", "reason", ctl->args.reason ? ctl->args.reason : "");
	return *out ? 0 : error_set(err, EINVAL, "--reason: must be UTF-8");
}

int ctl_message(const struct ctl *ctl, json_t **out, struct error *err)
{
	*out = json_pack("{s:s, s:s, s:b}", "text", ctl->args.values[1], "reason",
			 ctl->args.reason ? ctl->args.reason : "", "banner", ctl->args.banner);
	return *out ? 0 : error_set(err, EINVAL, "text and --reason must be UTF-8");
}

void ctl_time_text(int64_t at_ms, char out[32])
{
	time_t seconds = at_ms / 1000;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		memcpy(out, "-", 2);
}

/* Cursors are names and numbers of ours: nothing in them needs to be escaped. */
int ctl_get_list(struct ctl *ctl, const char *path, const char *list, json_t **answer,
		 struct error *err)
{
	OWNED(json_decref) json_t *whole = NULL;
	int rc = ctl_request(ctl, "GET", path, NULL, &whole, err);

	while (rc >= 0 && json_object_get(whole, "next") && !strstr(path, "limit=")) {
		OWNED(buf_done) struct buf next = BUF_LIMIT(1024);
		OWNED(json_decref) json_t *page = NULL;

		buf_printf(&next, "%s%ccursor=%s", path, strchr(path, '?') ? '&' : '?',
			   ctl_text(whole, "next"));
		json_object_del(whole, "next");
		rc = ctl_request(ctl, "GET", buf_text(&next), NULL, &page, err);
		if (rc < 0)
			break;
		json_array_extend(json_object_get(whole, list), json_object_get(page, list));
		if (json_object_get(page, "next"))
			json_object_set(whole, "next", json_object_get(page, "next"));
	}
	if (rc < 0)
		return rc;
	*answer = STEAL(whole);
	return 0;
}

int ctl_list(struct ctl *ctl, const char *path, const char *list, const char *const *titles,
	     void (*row)(struct table *table, const json_t *element), struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(table_free) struct table *table = table_new(titles);
	const json_t *element;
	size_t i;
	int rc = ctl_get_list(ctl, path, list, &answer, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json) {
		ctl_print_json(answer);
		return 0;
	}
	json_array_foreach(json_object_get(answer, list), i, element)
		row(table, element);
	ctl_print_table(table);
	return 0;
}
