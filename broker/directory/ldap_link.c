/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/ldap_link.h"

#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include "broker/directory/identity.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/fault.h"

DEFINE_OWNED(ldap_value_free_len, struct berval *);
DEFINE_OWNED(ldap_controls_free, LDAPControl *);

#define PAUSE_MS 100	/* so often a read that is stuck looks at the deadline */

struct ldap_link {
	LDAP *ld;
	char *uri;
	bool no_whoami;
	int64_t deadline_ms;	/* of what is being read now */
	struct ldap_conncb on_connect;
};

/* Each call that speaks to a server passes here: a test has the nth of a login fail. */
static int spoken(int rc)
{
	return FAULT_FAILS("ldap_call") ? LDAP_SERVER_DOWN : rc;
}

void ldap_link_init_process(void)
{
	setenv("LDAPNOINIT", "1", 1);
}

static struct timeval time_left(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_monotonic_ms();

	if (left < 1)
		left = 1;
	return (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
}

/* ---- reading no longer than until the deadline ---- */

/* libldap on GnuTLS asks for the rest of a handshake again and again, without a pause and for ever,
 * when the server says nothing more, and waits for ever for the rest of a record. This lies below its
 * TLS, and waits in its place, no longer than there is time. */
static ber_slen_t read_in_time(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t len)
{
	const struct ldap_link *link = layer->sbiod_pvt;
	struct pollfd wait = { .fd = -1, .events = POLLIN };

	for (;;) {
		ber_slen_t got = LBER_SBIOD_READ_NEXT(layer, bytes, len);

		if (got >= 0 || (errno != EAGAIN && errno != EINTR))
			return got;
		int64_t left_ms = link->deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &wait.fd);
		(void)poll(&wait, 1, (int)left_ms);
	}
}

static ber_slen_t write_through(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t len)
{
	return LBER_SBIOD_WRITE_NEXT(layer, bytes, len);
}

static int control_through(Sockbuf_IO_Desc *layer, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static int keep_link(Sockbuf_IO_Desc *layer, void *link)
{
	layer->sbiod_pvt = link;
	return 0;
}

static Sockbuf_IO in_time = {
	.sbi_setup = keep_link,
	.sbi_ctrl = control_through,
	.sbi_read = read_in_time,
	.sbi_write = write_through,
};

static int add_layer(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address,
		     struct ldap_conncb *on_connect)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	int fd = -1;

	(void)ld;
	(void)server;
	(void)address;
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_GET_FD, &fd);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause)) < 0)
		return -1;
	/* The level of TLS, which comes later and so above. */
	return ber_sockbuf_add_io(sb, &in_time, LBER_SBIOD_LEVEL_TRANSPORT, on_connect->lc_arg);
}

static void forget_layer(LDAP *ld, Sockbuf *sb, struct ldap_conncb *on_connect)
{
	(void)ld;
	(void)sb;
	(void)on_connect;
}

/* ---- settings ---- */

static int set_option(struct ldap_link *link, int option, const void *value, struct error *err)
{
	int rc = ldap_set_option(link->ld, option, value);

	if (rc == LDAP_OPT_SUCCESS)
		return 0;
	return error_set(err, EINVAL, "%s: option %#x cannot be set", link->uri, (unsigned)option);
}

/* Everything that decides whom we trust is said here, for this handle, and nowhere else. */
static int set_trust(struct ldap_link *link, const char *ca_file, struct error *err)
{
	const int demand = LDAP_OPT_X_TLS_DEMAND, never_crl = LDAP_OPT_X_TLS_CRL_NONE;
	const int tls_1_2 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
	int rc = set_option(link, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand, err);

	if (rc == 0)
		rc = set_option(link, LDAP_OPT_X_TLS_CACERTFILE, ca_file, err);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls_1_2, err);
	/* GnuTLS builds of libldap know no CRL setting; without one none is consulted. */
	(void)ldap_set_option(link->ld, LDAP_OPT_X_TLS_CRLCHECK, &never_crl);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_X_TLS_NEWCTX, &client, err);
	return rc;
}

static int set_manners(struct ldap_link *link, int64_t deadline_ms, struct error *err)
{
	const int version = LDAP_VERSION3, deref = LDAP_DEREF_NEVER;
	struct timeval left = time_left(deadline_ms);
	int rc = set_option(link, LDAP_OPT_PROTOCOL_VERSION, &version, err);

	if (rc == 0)
		rc = set_option(link, LDAP_OPT_REFERRALS, LDAP_OPT_OFF, err);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_RESTART, LDAP_OPT_OFF, err);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_DEREF, &deref, err);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_NETWORK_TIMEOUT, &left, err);
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_TIMEOUT, &left, err);
	link->on_connect = (struct ldap_conncb){ add_layer, forget_layer, link };
	if (rc == 0)
		rc = set_option(link, LDAP_OPT_CONNECT_CB, &link->on_connect, err);
	return rc;
}

/* What libldap says, what the server says, and which server. */
static int link_failed(struct ldap_link *link, int code, const char *what, int ldap_code,
		       struct error *err)
{
	OWNED(ldap_memfree) char *detail = NULL;

	ldap_get_option(link->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	return error_set(err, code, "%s: %s: %s%s%s", link->uri, what, ldap_err2string(ldap_code),
			 detail && *detail ? ": " : "", detail && *detail ? detail : "");
}

static int code_of(int ldap_code)
{
	switch (ldap_code) {
	case LDAP_SUCCESS:
		return 0;
	case LDAP_TIMEOUT:
		return ETIMEDOUT;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INVALID_DN_SYNTAX:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_CONSTRAINT_VIOLATION:	/* locked out by a password policy */
		return EACCES;
	case LDAP_NO_SUCH_OBJECT:
		return ENOENT;
	case LDAP_SIZELIMIT_EXCEEDED:
	case LDAP_ADMINLIMIT_EXCEEDED:
		return E2BIG;
	case LDAP_SERVER_DOWN:
	case LDAP_CONNECT_ERROR:
		return ECONNRESET;
	default:
		return EPROTO;
	}
}

/* The whole answer to one request, or -ETIMEDOUT after the request was given up. */
static int await(struct ldap_link *link, const char *what, int id, int64_t deadline_ms,
		 LDAPMessage **out, struct error *err)
{
	struct timeval left = time_left(deadline_ms);
	LDAPMessage *message = NULL;

	link->deadline_ms = deadline_ms;
	int kind = ldap_result(link->ld, id, LDAP_MSG_ALL, &left, &message);

	if (kind > 0 && spoken(LDAP_SUCCESS) != LDAP_SUCCESS)
		kind = -1;
	if (kind == 0) {
		ldap_abandon_ext(link->ld, id, NULL, NULL);
		return error_set(err, ETIMEDOUT, "%s: %s: no answer in time", link->uri, what);
	}
	if (kind < 0) {
		int code = LDAP_SERVER_DOWN;

		ldap_get_option(link->ld, LDAP_OPT_RESULT_CODE, &code);
		ldap_msgfree(message);
		return link_failed(link, ECONNRESET, what, code, err);
	}
	*out = message;
	return 0;
}

/* The result code inside an answer; 0 or an error named after `what`. */
static int check_result(struct ldap_link *link, const char *what, LDAPMessage *message,
			struct error *err)
{
	OWNED(ldap_memfree) char *detail = NULL;
	int code = LDAP_OTHER;
	int rc = ldap_parse_result(link->ld, message, &code, NULL, &detail, NULL, NULL, 0);

	if (rc != LDAP_SUCCESS)
		code = rc;
	if (code == LDAP_SUCCESS)
		return 0;
	return error_set(err, code_of(code), "%s: %s: %s%s%s", link->uri, what,
			 ldap_err2string(code), detail && *detail ? ": " : "",
			 detail && *detail ? detail : "");
}

static int start_tls(struct ldap_link *link, int64_t deadline_ms, struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	int id = 0;
	int rc = spoken(ldap_start_tls(link->ld, NULL, NULL, &id));

	if (rc != LDAP_SUCCESS)
		return link_failed(link, ECONNRESET, "StartTLS", rc, err);
	rc = await(link, "StartTLS", id, deadline_ms, &answer, err);
	if (rc == 0)
		rc = check_result(link, "StartTLS", answer, err);
	if (rc < 0)
		return rc;

	rc = spoken(ldap_install_tls(link->ld));
	if (rc != LDAP_SUCCESS)
		return link_failed(link, EPROTO, "TLS", rc, err);
	return 0;
}

/* libldap on GnuTLS takes LDAP_OPT_X_TLS_PROTOCOL_MIN and does nothing with it, so what was agreed
 * on is looked at here, before anything is said. */
static int check_version(struct ldap_link *link, struct error *err)
{
	OWNED(ldap_memfree) char *version = NULL;
	static const char *const good[] = { "TLS1.2", "TLS1.3", "TLSv1.2", "TLSv1.3" };

	if (!ldap_tls_inplace(link->ld))
		return error_set(err, EPROTO, "%s: the connection is not encrypted", link->uri);
	ldap_get_option(link->ld, LDAP_OPT_X_TLS_VERSION, &version);
	for (size_t i = 0; version && i < ARRAY_LEN(good); i++)
		if (strcmp(version, good[i]) == 0)
			return 0;
	return error_set(err, EPROTO, "%s: %s is too old, TLS 1.2 is the least", link->uri,
			 version ? version : "an unknown protocol");
}

static int open_verified(struct ldap_link *link, const struct ldap_link_config *config,
			 int64_t deadline_ms, struct error *err)
{
	int rc = spoken(ldap_initialize(&link->ld, link->uri));

	if (rc != LDAP_SUCCESS)
		return error_set(err, EINVAL, "%s: %s", link->uri, ldap_err2string(rc));
	rc = set_manners(link, deadline_ms, err);
	if (rc == 0)
		rc = set_trust(link, config->ca_file, err);
	if (rc < 0)
		return rc;

	if (config->start_tls) {
		rc = start_tls(link, deadline_ms, err);
	} else {
		rc = spoken(ldap_connect(link->ld));
		if (rc != LDAP_SUCCESS)
			rc = link_failed(link, ECONNRESET, "connect", rc, err);
	}
	if (rc < 0)
		return rc;
	return check_version(link, err);
}

int ldap_link_open(const struct ldap_link_config *config, int64_t deadline_ms,
		   struct ldap_link **out, struct error *err)
{
	OWNED(ldap_link_free) struct ldap_link *link = xnew(struct ldap_link);

	link->uri = xstrdup(config->uri);
	link->deadline_ms = deadline_ms;
	int rc = open_verified(link, config, deadline_ms, err);
	if (rc < 0)
		return rc;
	*out = STEAL(link);
	return 0;
}

void ldap_link_free(struct ldap_link *link)
{
	if (!link)
		return;
	if (link->ld)
		ldap_unbind_ext(link->ld, NULL, NULL);
	free(link->uri);
	free(link);
}

LDAP *ldap_link_handle(struct ldap_link *link)
{
	return link->ld;
}

/* Active Directory says why in the text of invalidCredentials: "..., data 533, v...". */
static enum ldap_account ad_account(const char *detail)
{
	static const struct {
		const char *code;
		enum ldap_account account;
	} codes[] = {
		{ "532", LDAP_ACCOUNT_CHANGE_PASSWORD },	/* ERROR_PASSWORD_EXPIRED */
		{ "773", LDAP_ACCOUNT_CHANGE_PASSWORD },	/* ERROR_PASSWORD_MUST_CHANGE */
		{ "533", LDAP_ACCOUNT_DISABLED },		/* ERROR_ACCOUNT_DISABLED */
		{ "701", LDAP_ACCOUNT_EXPIRED },		/* ERROR_ACCOUNT_EXPIRED */
		{ "775", LDAP_ACCOUNT_LOCKED },			/* ERROR_ACCOUNT_LOCKED_OUT */
	};
	const char *at = detail ? strstr(detail, " data ") : NULL;

	for (size_t i = 0; at && i < ARRAY_LEN(codes); i++)
		if (strncmp(at + 6, codes[i].code, 3) == 0 && !strchr("0123456789abcdef", at[9]))
			return codes[i].account;
	return LDAP_ACCOUNT_FINE;
}

/* draft-behera-ldap-password-policy 6.2 */
static enum ldap_account policy_account(struct ldap_link *link, LDAPControl **controls)
{
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
	LDAPPasswordPolicyError error = PP_noError;
	ber_int_t expires_s, grace;

	if (!control || ldap_parse_passwordpolicy_control(link->ld, control, &expires_s, &grace,
							  &error) != LDAP_SUCCESS)
		return LDAP_ACCOUNT_FINE;
	if (error == PP_accountLocked)
		return LDAP_ACCOUNT_LOCKED;
	return error == PP_passwordExpired || error == PP_changeAfterReset
		       ? LDAP_ACCOUNT_CHANGE_PASSWORD
		       : LDAP_ACCOUNT_FINE;
}

static int bind_result(struct ldap_link *link, LDAPMessage *answer, enum ldap_account *account,
		       struct error *err)
{
	OWNED(ldap_memfree) char *detail = NULL;
	OWNED(ldap_controls_free) LDAPControl **controls = NULL;
	int code = LDAP_OTHER;
	int rc = ldap_parse_result(link->ld, answer, &code, NULL, &detail, NULL, &controls, 0);

	if (rc != LDAP_SUCCESS)
		return link_failed(link, EPROTO, "bind", rc, err);
	*account = policy_account(link, controls);
	if (code == LDAP_INVALID_CREDENTIALS && *account == LDAP_ACCOUNT_FINE)
		*account = ad_account(detail);
	return check_result(link, "bind", answer, err);
}

int ldap_link_bind(struct ldap_link *link, const char *dn, struct span password,
		   int64_t deadline_ms, enum ldap_account *account, struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	struct berval credentials = { password.len, (char *)(uintptr_t)password.ptr };
	/* not critical: who knows no password policy ignores it */
	LDAPControl policy = { .ldctl_oid = (char *)LDAP_CONTROL_PASSWORDPOLICYREQUEST };
	LDAPControl *controls[] = { &policy, NULL };
	int id = 0;
	int rc = spoken(ldap_sasl_bind(link->ld, dn, LDAP_SASL_SIMPLE, &credentials, controls, NULL, &id));

	*account = LDAP_ACCOUNT_FINE;
	if (rc != LDAP_SUCCESS)
		return link_failed(link, ECONNRESET, "bind", rc, err);
	rc = await(link, "bind", id, deadline_ms, &answer, err);
	return rc < 0 ? rc : bind_result(link, answer, account, err);
}

/* Servers may answer with other letter case, spaces or escapes than the entry has. */
static bool same_dn(const char *a, const char *b)
{
	OWNED(ldap_memfree) char *plain_a = NULL;
	OWNED(ldap_memfree) char *plain_b = NULL;

	if (ldap_dn_normalize(a, LDAP_DN_FORMAT_LDAP, &plain_a, LDAP_DN_FORMAT_LDAPV3) ||
	    ldap_dn_normalize(b, LDAP_DN_FORMAT_LDAP, &plain_b, LDAP_DN_FORMAT_LDAPV3))
		return false;
	return plain_a && plain_b && strcasecmp(plain_a, plain_b) == 0;
}

/* "dn:uid=...", or Active Directory's "u:DOMAIN\name". Which domain is not looked at: the DN we
 * bound as is in one of this server's. */
static bool authzid_is(const struct berval *authzid, const struct ldap_identity *who)
{
	char text[1100];

	if (!authzid || authzid->bv_len < 3 || authzid->bv_len >= sizeof(text))
		return false;
	memcpy(text, authzid->bv_val, authzid->bv_len);
	text[authzid->bv_len] = '\0';
	if (strlen(text) != authzid->bv_len)
		return false;
	if (strncasecmp(text, "dn:", 3) == 0)
		return text[3] && same_dn(text + 3, who->dn);

	const char *name = strncasecmp(text, "u:", 2) == 0 ? strrchr(text, '\\') : NULL;
	return name && *who->account_name && strcasecmp(name + 1, who->account_name) == 0;
}

/* MS-ADTS 3.1.1.3.2: tokenGroups of the rootDSE is the security context of the connection. */
static int token_has_sid(struct ldap_link *link, const char *sid, int64_t deadline_ms,
			 struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	OWNED(ldap_value_free_len) struct berval **sids = NULL;
	char *attributes[] = { (char *)"tokenGroups", NULL }, text[SID_TEXT_SIZE];
	int rc = *sid ? ldap_link_search(link, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 1,
					 deadline_ms, &answer, err)
		      : 0;

	if (rc < 0)
		return rc;
	LDAPMessage *root = answer ? ldap_first_entry(link->ld, answer) : NULL;
	if (root)
		sids = ldap_get_values_len(link->ld, root, "tokenGroups");
	for (size_t i = 0; sids && sids[i]; i++)
		if (sid_text(span_of(sids[i]->bv_val, sids[i]->bv_len), text) == 0 &&
		    strcmp(text, sid) == 0)
			return 0;
	return error_set(err, EACCES, "%s: does not tell whom it took us for", link->uri);
}

int ldap_link_is_bound_as(struct ldap_link *link, const struct ldap_identity *who,
			  int64_t deadline_ms, struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	struct berval *authzid = NULL;
	int id = 0;
	int rc = link->no_whoami ? LDAP_SUCCESS : spoken(ldap_whoami(link->ld, NULL, NULL, &id));

	if (rc != LDAP_SUCCESS)
		return link_failed(link, ECONNRESET, "Who am I", rc, err);
	if (link->no_whoami)
		return token_has_sid(link, who->sid, deadline_ms, err);
	rc = await(link, "Who am I", id, deadline_ms, &answer, err);
	if (rc == 0)
		rc = check_result(link, "Who am I", answer, err);
	if (rc == -EPROTO && *who->sid) {	/* RFC 4511 4.12: not an operation of this server */
		link->no_whoami = true;
		return token_has_sid(link, who->sid, deadline_ms, err);
	}
	if (rc < 0)
		return rc;

	rc = ldap_parse_whoami(link->ld, answer, &authzid);
	bool same = rc == LDAP_SUCCESS && authzid_is(authzid, who);
	ber_bvfree(authzid);
	if (!same)
		return error_set(err, EACCES, "%s: bound as somebody else than %s", link->uri,
				 who->dn);
	return 0;
}

int ldap_link_search_send(struct ldap_link *link, const char *base, int scope, const char *filter,
			  char **attributes, int limit, int64_t deadline_ms, int *id,
			  struct error *err)
{
	struct timeval left = time_left(deadline_ms);
	int rc = spoken(ldap_search_ext(link->ld, base, scope, filter, attributes, 0, NULL, NULL,
					&left, limit, id));

	if (rc == LDAP_SUCCESS)
		return 0;
	return link_failed(link, rc == LDAP_FILTER_ERROR ? EINVAL : ECONNRESET, "search", rc, err);
}

int ldap_link_search_await(struct ldap_link *link, int id, int64_t deadline_ms, LDAPMessage **out,
			   struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	int rc = await(link, "search", id, deadline_ms, &answer, err);

	if (rc == 0)
		rc = check_result(link, "search", answer, err);
	if (rc < 0 && rc != -E2BIG)
		return rc;
	*out = STEAL(answer);
	return rc;
}

int ldap_link_search(struct ldap_link *link, const char *base, int scope, const char *filter,
		     char **attributes, int limit, int64_t deadline_ms, LDAPMessage **out,
		     struct error *err)
{
	int id = 0;
	int rc = ldap_link_search_send(link, base, scope, filter, attributes, limit, deadline_ms,
				       &id, err);

	return rc < 0 ? rc : ldap_link_search_await(link, id, deadline_ms, out, err);
}

/* ---------------------------------------------------------------------------- a new password */

static int password_result(struct ldap_link *link, LDAPMessage *answer, struct error *err)
{
	OWNED(ldap_memfree) char *detail = NULL;
	int code = LDAP_OTHER;
	int rc = ldap_parse_result(link->ld, answer, &code, NULL, &detail, NULL, NULL, 0);

	if (rc == LDAP_SUCCESS && code == LDAP_SUCCESS)
		return 0;
	/* Active Directory: 00000056 ERROR_INVALID_PASSWORD, 0000052D ERROR_PASSWORD_RESTRICTION */
	if (code == LDAP_INVALID_CREDENTIALS || (detail && strncmp(detail, "00000056", 8) == 0))
		return error_set(err, EACCES, "%s: the old password is wrong", link->uri);
	switch (code) {
	case LDAP_CONSTRAINT_VIOLATION:
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_INSUFFICIENT_ACCESS:
		return error_set(err, EPERM, "%s", detail && *detail ? detail
								     : ldap_err2string(code));
	default:
		return check_result(link, "password change", answer, err);
	}
}

int ldap_link_change_password(struct ldap_link *link, const char *dn, struct span old,
			      struct span fresh, int64_t deadline_ms, struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	struct berval user = { strlen(dn), (char *)(uintptr_t)dn };
	struct berval before = { old.len, (char *)(uintptr_t)old.ptr };
	struct berval after = { fresh.len, (char *)(uintptr_t)fresh.ptr };
	int id = 0;
	int rc = spoken(ldap_passwd(link->ld, &user, &before, &after, NULL, NULL, &id));

	if (rc != LDAP_SUCCESS)
		return link_failed(link, ECONNRESET, "password change", rc, err);
	rc = await(link, "password change", id, deadline_ms, &answer, err);
	return rc < 0 ? rc : password_result(link, answer, err);
}

/* In quotes and UTF-16LE. -EILSEQ when it is not UTF-8. */
static int quoted_utf16(struct span password, struct buf *out)
{
	buf_put_u16le(out, '"');
	int rc = utf8_to_utf16le(password, out);
	buf_put_u16le(out, '"');
	return rc;
}

int ldap_link_change_ad_password(struct ldap_link *link, const char *dn, struct span old,
				 struct span fresh, int64_t deadline_ms, struct error *err)
{
	OWNED(ldap_msgfree) LDAPMessage *answer = NULL;
	struct buf texts[2] = { BUF_LIMIT(4096), BUF_LIMIT(4096) };
	struct berval before, after, *gone[] = { &before, NULL }, *come[] = { &after, NULL };
	LDAPMod take = { LDAP_MOD_DELETE | LDAP_MOD_BVALUES, (char *)"unicodePwd", { .modv_bvals = gone } };
	LDAPMod give = { LDAP_MOD_ADD | LDAP_MOD_BVALUES, (char *)"unicodePwd", { .modv_bvals = come } };
	LDAPMod *changes[] = { &take, &give, NULL };
	int id = 0, rc = 0;

	if (quoted_utf16(old, &texts[0]) < 0 || quoted_utf16(fresh, &texts[1]) < 0)
		rc = error_set(err, EPERM, "the password is not valid text");
	before = (struct berval){ texts[0].len, (char *)texts[0].ptr };
	after = (struct berval){ texts[1].len, (char *)texts[1].ptr };
	if (rc == 0) {
		int code = spoken(ldap_modify_ext(link->ld, dn, changes, NULL, NULL, &id));

		rc = code == LDAP_SUCCESS
			     ? await(link, "password change", id, deadline_ms, &answer, err)
			     : link_failed(link, ECONNRESET, "password change", code, err);
	}
	if (rc == 0)
		rc = password_result(link, answer, err);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].ptr)
			memory_wipe(texts[i].ptr, texts[i].capacity);
		buf_done(&texts[i]);
	}
	return rc;
}
