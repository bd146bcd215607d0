/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/verify.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "common/base/text.h"
#include "pool/policy.h"
#include "pool/pool_json.h"

/* A way in which the probe tries to bring something. It is proven shut when the desktop saw nothing of
 * it and the relay has refused it; `opened_by_desktop`: a desktop that does not ask for it gives the
 * relay nothing to refuse. */
static const struct way {
	const char *name;
	const char *lists[4];	/* of what the desktop saw */
	const char *suspicious[6];	/* only these entries count; none: all */
	const char *what, *subject;	/* of its rows in the audit log; subject: how it begins */
	const char *item;	/* of the policy; "allow" makes an arrival right. NULL: never */
	bool opened_by_desktop;
} ways[] = {
	{ "drive", { "drives", "mounts", "disks" }, { NULL }, "device", "drive ", NULL, false },
	{ "USB device", { "usb", "disks" }, { NULL }, "dynamic_channel", "URBDRC", NULL, true },
	{ "file in the clipboard", { "clipboard" },
	  { "text/uri-list", "x-special/gnome-copied-files", "FileGroupDescriptorW",
	    "application/x-kde4-urilist", "x-special/mate-copied-files" },
	  "clipboard", "", NULL, false },
	{ "serial port", { "serial_ports" }, { NULL }, "device", "serial port", NULL, false },
	{ "printer", { "printers" }, { NULL }, "device", "printer", "printers", false },
	{ "smart card", { "smart_cards" }, { NULL }, "device", "smart card", "smart_cards", false },
	{ "tunnel", { NULL }, { NULL }, "static_channel", "rdp2tcp", NULL, false },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool counts(const struct way *way, const char *entry)
{
	if (!way->suspicious[0])
		return true;
	for (size_t i = 0; i < ARRAY_LEN(way->suspicious) && way->suspicious[i]; i++)
		if (strcasecmp(entry, way->suspicious[i]) == 0)
			return true;
	return false;
}

static json_t *arrived(const struct way *way, const json_t *found)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(way->lists) && way->lists[i]; i++) {
		const json_t *entry;
		size_t n;

		json_array_foreach(json_object_get(found, way->lists[i]), n, entry) {
			const char *text = json_string_value(entry);

			if (text && counts(way, text))
				json_array_append_new(list, json_string(text));
		}
	}
	return list;
}

/* A channel that is shut as a whole is refused under its own name. */
static bool is_of(const struct way *way, const json_t *row)
{
	const char *what = text_of(row, "what"), *subject = text_of(row, "subject");

	if (strcmp(what, way->what) == 0 &&
	    strncasecmp(subject, way->subject, strlen(way->subject)) == 0)
		return true;
	if (strcmp(what, "static_channel") != 0)
		return false;
	return strcasecmp(subject, strcmp(way->what, "device") == 0	 ? "rdpdr"
				   : strcmp(way->what, "clipboard") == 0 ? "cliprdr"
									 : "") == 0;
}

static json_t *refused(const struct way *way, const json_t *denied)
{
	json_t *list = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(denied, i, row) {
		if (is_of(way, row))
			json_array_append_new(list, json_string(text_of(row, "subject")));
	}
	return list;
}

static const char *judge(const struct way *way, bool allowed, size_t came, size_t shut)
{
	if (came && !allowed)
		return "it arrived in the desktop";
	if (allowed || shut || way->opened_by_desktop)
		return NULL;
	return "nothing shows that it was offered: the relay refused nothing of the kind";
}

static json_t *verdict(const struct way *way, const json_t *policy, const json_t *found,
		       const json_t *denied)
{
	bool allowed = way->item && strcmp(text_of(policy, way->item), "allow") == 0;
	json_t *came = arrived(way, found), *shut = refused(way, denied);
	const char *why = judge(way, allowed, json_array_size(came), json_array_size(shut));
	json_t *out = json_pack("{s:s, s:s, s:o, s:o, s:s}", "way", way->name, "policy",
				allowed ? "allow" : "deny", "arrived", came, "refused", shut, "result",
				why ? "fail" : "pass");

	if (why)
		json_object_set_new(out, "why", json_string(why));
	return out;
}

json_t *verify_judge(const json_t *policy, const json_t *found, const json_t *denied)
{
	bool asked = json_is_true(json_object_get(found, "clipboard_asked"));
	json_t *list = json_array();
	bool passed = true;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		json_t *one = verdict(&ways[i], policy, found, denied);

		if (strcmp(ways[i].what, "clipboard") == 0 && !asked) {
			json_object_set_new(one, "result", json_string("fail"));
			json_object_set_new(one, "why",
					    json_string("the desktop's clipboard could not be asked"));
		}
		passed = passed && strcmp(text_of(one, "result"), "pass") == 0;
		json_array_append_new(list, one);
	}
	return json_pack("{s:s, s:o}", "result", passed ? "pass" : "fail", "ways", list);
}

int verify_policy_hash(const json_t *policy, char out[65], struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct pool_policy parsed;
	unsigned len = 0;
	int rc = policy_from_json(policy, &parsed, err);

	if (rc < 0)
		return rc;
	policy_format(&parsed, &text);
	if (!EVP_Digest(text.ptr, text.len, hash, &len, EVP_sha256(), NULL))
		return error_set(err, EIO, "SHA-256 failed");
	hex_encode(span_of(hash, len), out);
	return 0;
}

static void print_list(const char *title, const json_t *list, struct buf *out)
{
	const json_t *entry;
	size_t i;

	if (!json_array_size(list))
		return;
	buf_printf(out, "         %s:", title);
	json_array_foreach(list, i, entry)
		buf_printf(out, "%s %s", i ? "," : "", json_string_value(entry));
	buf_put_u8(out, '\n');
}

void verify_print(const json_t *report, struct buf *out)
{
	const json_t *way;
	size_t i;

	buf_printf(out, "pool     %s\npolicy   sha256 %s\nwhen     %s\ndesktop  %s, session %s\n\n",
		   text_of(report, "pool"), text_of(report, "policy_sha256"), text_of(report, "when"),
		   text_of(report, "desktop"), text_of(report, "session"));
	json_array_foreach(json_object_get(report, "ways"), i, way) {
		buf_printf(out, "%-8s %s (%s)\n", text_of(way, "result"), text_of(way, "way"),
			   text_of(way, "policy"));
		print_list("arrived", json_object_get(way, "arrived"), out);
		print_list("refused by the relay", json_object_get(way, "refused"), out);
		if (*text_of(way, "why"))
			buf_printf(out, "         %s\n", text_of(way, "why"));
	}
	buf_printf(out, "\nresult   %s\n", text_of(report, "result"));
}
