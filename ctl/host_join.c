/* SPDX-License-Identifier: Apache-2.0 */
/* A machine becomes a host: `genkanctl host invite` on the admin's side prints one line, which is
 * given on the new host. It holds where the broker is, its CA and the one-time token; the token
 * never stands in an argument list. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/file.h"
#include "ctl/ctl.h"
#include "ctl/settings.h"
#include "ctl/setup.h"

#define INVITATION_MAX 6000
#define AGENT_PORT "8444"
#define HOST_CONFIG SETUP_ETC "/hostagent.conf"
#define CA_FILE SETUP_ETC "/ca.crt"
#define PROGRAM "/usr/sbin/genkan-hostagent"

/* The broker's name with the port of the agents, unless --agent says another. */
static void agent_address(const struct ctl *ctl, const struct ctl_profile *profile, char out[320])
{
	size_t host = strrchr(profile->broker, ':')
			      ? (size_t)(strrchr(profile->broker, ':') - profile->broker)
			      : strlen(profile->broker);

	if (ctl->args.agent)
		snprintf(out, 320, "%s", ctl->args.agent);
	else
		snprintf(out, 320, "%.*s:" AGENT_PORT, (int)host, profile->broker);
}

static char *encode(const json_t *object)
{
	OWNED(free) char *text = json_dumps(object, JSON_COMPACT);
	size_t len = strlen(text);
	char *out = xcalloc(1, len * 4 / 3 + 8);

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
	return out;
}

int host_invite(struct ctl *ctl, struct error *err)
{
	OWNED(ctl_profile_done) struct ctl_profile profile = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(buf_done) struct buf ca = { 0 };
	const char *name = ctl->args.values[0];
	char address[320];
	int rc = ctl_profile_load(&ctl->args, &profile, err);

	if (rc < 0 || (rc = file_read(profile.ca, INVITATION_MAX / 2, &ca, err)) < 0 ||
	    (rc = ctl_request(ctl, "POST", "/v1/admin/host-tokens",
			      json_pack("{s:s}", "name", name), &answer, err)) < 0)
		return rc;
	agent_address(ctl, &profile, address);
	OWNED(json_decref)
	json_t *invitation = json_pack("{s:s, s:s, s:s, s:s}", "name", name, "broker", address,
				       "ca", buf_text(&ca), "token", ctl_text(answer, "token"));
	if (!invitation)
		return error_set(err, EINVAL, "%s: not a text", profile.ca);
	OWNED(free) char *code = encode(invitation);
	if (ctl->args.json) {
		json_object_set_new(invitation, "invitation", json_string(code));
		ctl_print_json(invitation);
	} else {
		printf("genkanctl host join <<< %s\n", code);
	}
	return 0;
}

/* ------------------------------------------------------------------------------ on the new host */

struct invitation {
	char name[64], broker[320];
	const char *ca, *token; /* in `object` */
	json_t *object;
};

static void invitation_done(struct invitation *i)
{
	json_decref(i->object);
}
DEFINE_OWNED_VALUE(invitation_done, struct invitation);

static int no_invitation(struct error *err)
{
	return error_set(err, EINVAL,
			 "standard input is not an invitation; genkanctl host invite prints one");
}

static int read_invitation(struct invitation *out, struct error *err)
{
	OWNED(buf_done) struct buf code = { 0 };
	OWNED(free) unsigned char *text = NULL;
	int rc = file_read("-", INVITATION_MAX, &code, err);

	if (rc < 0)
		return rc;
	while (code.len && strchr(" \r\n", code.ptr[code.len - 1]))
		code.len--;
	text = xcalloc(1, code.len + 4);
	int len = code.len % 4
			  ? -1
			  : EVP_DecodeBlock(text, (const unsigned char *)code.ptr, (int)code.len);
	out->object = len > 0 ? json_loads((const char *)text, 0, NULL) : NULL;
	if (!out->object ||
	    json_get_text(out->object, "name", out->name, sizeof(out->name), NULL) < 0 ||
	    json_get_text(out->object, "broker", out->broker, sizeof(out->broker), NULL) < 0)
		return no_invitation(err);
	out->ca = ctl_text(out->object, "ca");
	out->token = ctl_text(out->object, "token");
	return *out->ca && *out->token ? 0 : no_invitation(err);
}

static int make_settings(const struct ctl *ctl, const struct invitation *i, struct error *err)
{
	char host[256], relay[320];

	setup_host_name(host);
	snprintf(relay, sizeof(relay), "%s:3389", host);
	const struct setup_value agent[] = {
		{ "name", i->name },
		{ "broker", i->broker },
		{ "ca_file", CA_FILE },
		{ "relay_address", ctl->args.relay_address ? ctl->args.relay_address : relay },
		{ "production", ctl->args.trial ? "no" : NULL },
		{ "allow_tcg", ctl->args.trial ? "yes" : NULL },
	};
	const struct setup_value relayd[] = { { "broker", i->broker }, { "ca_file", CA_FILE } };
	int rc = setup_settings("hostagent.conf", agent, ARRAY_LEN(agent), err);

	return rc < 0 ? rc : setup_settings("relay.conf", relayd, ARRAY_LEN(relayd), err);
}

static int is_of_another(const struct invitation *i, struct error *err)
{
	OWNED(free) char *name = ini_value(HOST_CONFIG, "hostagent", "name", i->name);

	if (strcmp(name, i->name) == 0)
		return 0;
	return error_set(err, EEXIST, HOST_CONFIG " is of host %.64s; the invitation is for %s",
			 name, i->name);
}

int host_join(struct ctl *ctl, struct error *err)
{
	OWNED(invitation_done) struct invitation i = { 0 };
	const char *const join[] = { PROGRAM,        "--config", HOST_CONFIG, "--join",
				     "--token-file", "-",        NULL };
	const char *const check[] = { PROGRAM, "--config", HOST_CONFIG, "--check", NULL };
	int rc = setup_needs_root("host join", err);

	if (rc < 0 || (rc = read_invitation(&i, err)) < 0 ||
	    (rc = setup_file(CA_FILE, span_text(i.ca), 0644, NULL, err)) < 0 ||
	    (rc = make_settings(ctl, &i, err)) < 0 || (rc = is_of_another(&i, err)) < 0 ||
	    (rc = setup_run(check, NULL, (struct span){ 0 }, NULL, err)) < 0 ||
	    (rc = setup_run(join, NULL, span_text(i.token), NULL, err)) < 0)
		return rc;
	printf("%s has joined. Start it: systemctl enable --now genkan-hostagent genkan-relay\n",
	       i.name);
	return 0;
}
