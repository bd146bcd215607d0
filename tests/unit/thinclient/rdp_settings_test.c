/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "common/net/tls.h"
#include "thinclient/rdp_settings.h"

static void put_ticket(struct ticket *t)
{
	*t = (struct ticket){ .host = "10.0.0.5", .port = 3390 };
	memset(t->locator, 0xA5, sizeof(t->locator));
	assert_int_equal(secret_set(&t->secret, span_text("abc-_9")), 0);
}

static rdpSettings *ticket_settings(void)
{
	rdpSettings *settings = freerdp_settings_new(0);
	struct ticket ticket;

	put_ticket(&ticket);
	/* what a careless default could have left */
	freerdp_settings_set_bool(settings, FreeRDP_IgnoreCertificate, TRUE);
	freerdp_settings_set_bool(settings, FreeRDP_AutoAcceptCertificate, TRUE);
	freerdp_settings_set_string(settings, FreeRDP_CertificateAcceptedFingerprints, "sha256:00");
	assert_int_equal(rdp_settings_apply_ticket(settings, &ticket, "/nonexistent", NULL), 0);
	return settings;
}

static void only_rdstls_is_offered(void **state)
{
	static const FreeRDP_Settings_Keys_Bool off[] = {
		FreeRDP_NlaSecurity, FreeRDP_ExtSecurity, FreeRDP_TlsSecurity, FreeRDP_RdpSecurity,
		FreeRDP_AadSecurity, FreeRDP_AutoReconnectionEnabled,
	};
	rdpSettings *settings = ticket_settings();

	assert_true(freerdp_settings_get_bool(settings, FreeRDP_RdstlsSecurity));
	for (size_t i = 0; i < ARRAY_LEN(off); i++)
		assert_false(freerdp_settings_get_bool(settings, off[i]));
	freerdp_settings_free(settings);
}

static void nothing_but_the_callback_accepts_a_certificate(void **state)
{
	rdpSettings *settings = ticket_settings();

	assert_true(freerdp_settings_get_bool(settings, FreeRDP_ExternalCertificateManagement));
	assert_true(freerdp_settings_get_bool(settings, FreeRDP_AutoDenyCertificate));
	assert_false(freerdp_settings_get_bool(settings, FreeRDP_AutoAcceptCertificate));
	assert_false(freerdp_settings_get_bool(settings, FreeRDP_IgnoreCertificate));
	assert_null(freerdp_settings_get_string(settings, FreeRDP_CertificateAcceptedFingerprints));
	freerdp_settings_free(settings);
}

static void the_ticket_travels_as_rdstls_expects_it(void **state)
{
	static const uint8_t wide[] = { 'a', 0, 'b', 0, 'c', 0, '-', 0, '_', 0, '9', 0 };
	rdpSettings *settings = ticket_settings();
	const uint8_t *guid = freerdp_settings_get_pointer(settings, FreeRDP_RedirectionGuid);

	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_RedirectionGuidLength), 16);
	assert_int_equal(guid[0], 0xA5);
	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_RedirectionPasswordLength),
			 sizeof(wide));
	assert_memory_equal(freerdp_settings_get_pointer(settings, FreeRDP_RedirectionPassword),
			    wide, sizeof(wide));
	rdp_settings_wipe_ticket(settings);
	assert_int_equal(*(const uint8_t *)freerdp_settings_get_pointer(
				 settings, FreeRDP_RedirectionPassword), 0);
	freerdp_settings_free(settings);
}

/* The name is sent before TLS; the ticket names the user. */
static void no_person_is_named_in_clear_text(void **state)
{
	rdpSettings *settings = ticket_settings();

	assert_string_equal(freerdp_settings_get_string(settings, FreeRDP_Username), "genkan");
	assert_null(freerdp_settings_get_string(settings, FreeRDP_Password));
	freerdp_settings_free(settings);
}

static void make_certificate(struct buf *pem, char sha256[65])
{
	static const char *const names[] = { "relay.test", NULL };
	struct tls_subject subject = { .cn = "relay", .names = names, .not_before_s = 1700000000,
				       .days = 3650, .server = true };
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *certificate = NULL;

	assert_int_equal(tls_key_new(&key, NULL), 0);
	assert_int_equal(tls_certificate_new(&subject, key, NULL, NULL, &certificate, NULL), 0);
	assert_int_equal(tls_certificate_pem(certificate, pem, NULL), 0);
	assert_int_equal(tls_certificate_sha256(certificate, sha256), 0);
}

static void the_pin_decides_about_the_first_certificate(void **state)
{
	OWNED(buf_done) struct buf mine = { 0 };
	OWNED(buf_done) struct buf other = { 0 };
	OWNED(buf_done) struct buf chain = { 0 };
	char pin[65], other_pin[65];

	make_certificate(&mine, pin);
	make_certificate(&other, other_pin);
	assert_int_equal(rdp_certificate_matches(mine.ptr, mine.len, pin), 1);
	assert_int_equal(rdp_certificate_matches(mine.ptr, mine.len, other_pin), 0);
	assert_int_equal(rdp_certificate_matches(mine.ptr, mine.len, ""), 0);
	assert_int_equal(rdp_certificate_matches((const uint8_t *)"x", 1, pin), 0);
	/* being somewhere in the chain is not enough */
	buf_put_span(&chain, buf_span(&other));
	buf_put_span(&chain, buf_span(&mine));
	assert_int_equal(rdp_certificate_matches(chain.ptr, chain.len, pin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_rdstls_is_offered),
		cmocka_unit_test(nothing_but_the_callback_accepts_a_certificate),
		cmocka_unit_test(the_ticket_travels_as_rdstls_expects_it),
		cmocka_unit_test(no_person_is_named_in_clear_text),
		cmocka_unit_test(the_pin_decides_about_the_first_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
