/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/inspect.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/sys/file.h"

#define TEXT_MAX (256 * 1024)
#define JOURNAL "journalctl -q --no-pager -b -o cat -t xrdp-chansrv -t xrdp-chansrv-sesman 2>/dev/null"

DEFINE_OWNED(closedir, DIR);

/* Entries of a folder that `want` wants. */
static void note_entries(const char *path, bool (*want)(const char *name), json_t *list)
{
	OWNED(closedir) DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && want(entry->d_name))
			inspect_note(list, span_text(entry->d_name));
}

static bool every(const char *name)
{
	return true;
}

/* The desktop's own disks are virtio ones. */
static bool is_foreign_disk(const char *name)
{
	return strncmp(name, "vd", 2) != 0 && strncmp(name, "loop", 4) != 0 &&
	       strncmp(name, "ram", 3) != 0 && strncmp(name, "zram", 4) != 0;
}

/* "1-1", not "usb1" or "1-0:1.0": a device, not a controller and not a function of one. */
static bool is_usb_device(const char *name)
{
	return strchr(name, '-') && !strchr(name, ':');
}

static bool is_foreign_port(const char *name)
{
	return strncmp(name, "ttyUSB", 6) == 0 || strncmp(name, "ttyACM", 6) == 0 ||
	       strncmp(name, "ttyRDP", 6) == 0;
}

static bool is_card_socket(const char *name)
{
	return strstr(name, "pcsc") != NULL;
}

static void note_mounts(json_t *list)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (file_read("/proc/mounts", TEXT_MAX, &text, NULL) == 0)
		inspect_mounts(buf_text(&text), list);
}

/* "<Printer name>" of CUPS, if there is one at all */
static void note_printers(json_t *list)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (file_read("/etc/cups/printers.conf", TEXT_MAX, &text, NULL) < 0)
		return;
	for (const char *at = strstr(buf_text(&text), "Printer "); at; at = strstr(at, "Printer ")) {
		at += strlen("Printer ");
		inspect_note(list, span_of(at, strcspn(at, ">\n")));
	}
}

static void note_log(json_t *list)
{
	OWNED(buf_done) struct buf text = { .limit = TEXT_MAX };
	FILE *log = popen(JOURNAL, "r");
	char chunk[4096];
	size_t n;

	while (log && (n = fread(chunk, 1, sizeof(chunk), log)) > 0)
		buf_put(&text, chunk, n);
	if (log)
		pclose(log);
	if (text.len)
		inspect_log(buf_text(&text), list);
}

static json_t *drives_of(const char *user)
{
	json_t *list = json_array();
	char path[160];

	snprintf(path, sizeof(path), "/home/%.64s/thinclient_drives", user);
	note_entries(path, every, list);
	note_log(list);
	return list;
}

json_t *guest_inspect(const char *user)
{
	json_t *mounts = json_array(), *disks = json_array(), *usb = json_array(),
	       *ports = json_array(), *printers = json_array(), *cards = json_array(),
	       *clipboard = json_array();
	bool asked = *user && clipboard_formats(user, clipboard);

	note_mounts(mounts);
	note_entries("/sys/block", is_foreign_disk, disks);
	note_entries("/sys/bus/usb/devices", is_usb_device, usb);
	note_entries("/sys/class/tty", is_foreign_port, ports);
	note_entries("/run/xrdp/sockdir", is_card_socket, cards);
	note_printers(printers);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "user", user, "drives",
			 drives_of(user), "mounts", mounts, "disks", disks, "usb", usb,
			 "serial_ports", ports, "printers", printers, "smart_cards", cards,
			 "clipboard", clipboard, "clipboard_asked", asked);
}
