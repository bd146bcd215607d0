/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#define GIB (INT64_C(1) << 30)

void findings_done(struct findings *f)
{
	free(f->items);
	*f = (struct findings){ 0 };
}

void finding_add(struct findings *f, const char *check, enum finding_level level, const char *mend,
		 const char *fmt, ...)
{
	va_list args;

	f->items = xrealloc(f->items, (f->count + 1) * sizeof(*f->items));
	struct finding *made = &f->items[f->count++];
	*made = (struct finding){ .check = check, .level = level, .mend = mend };
	va_start(args, fmt);
	vsnprintf(made->text, sizeof(made->text), fmt, args);
	va_end(args);
}

enum finding_level doctor_judge_days(int64_t days)
{
	return days < 7 ? FINDING_BAD : days < 30 ? FINDING_WARN : FINDING_OK;
}

enum finding_level doctor_judge_disk(int64_t free_bytes, int64_t total_bytes)
{
	if (free_bytes < GIB)
		return FINDING_BAD;
	return free_bytes < 5 * GIB || free_bytes < total_bytes / 20 ? FINDING_WARN : FINDING_OK;
}

int doctor_compare_versions(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
			char *after_a, *after_b;
			long x = strtol(a, &after_a, 10), y = strtol(b, &after_b, 10);

			a = after_a;
			b = after_b;
			if (x != y)
				return x < y ? -1 : 1;
			continue;
		}
		if (*a != *b) /* "~" sorts before everything, also before the end */
			return *a == '~' ? -1 : *b == '~' ? 1 : *a < *b ? -1 : 1;
		a++;
		b++;
	}
	return 0;
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
		if ((p == text || p[-1] == ' ' || p[-1] == '\t') &&
		    (p[len] == ' ' || p[len] == '\0' || p[len] == '\n'))
			return true;
	return false;
}

static bool is_off(const char *value)
{
	return *value == 'N' || *value == '0';
}

static bool is_on(const char *value)
{
	return *value == 'Y' || *value == '1';
}

void doctor_judge_clock(struct findings *f, int state, int status, long error_us)
{
	if (state < 0)
		finding_add(f, "clock", FINDING_WARN, "ask the machine's time service, timedatectl",
			    "the kernel does not say: %s", strerror(-state));
	else if (state == TIME_ERROR || status & STA_UNSYNC)
		finding_add(f, "clock", FINDING_WARN, "apt-get install chrony",
			    "the clock is not synchronized: tickets live 30 seconds, certificates "
			    "begin now");
	else
		finding_add(f, "clock", FINDING_OK, "", "synchronized, within %ld ms",
			    error_us / 1000);
}

void doctor_judge_huge_pages(struct findings *f, const char *mode)
{
	if (!*mode)
		finding_add(f, "huge_pages", FINDING_WARN, "use Debian's kernel",
			    "the kernel has no transparent huge pages");
	else if (strstr(mode, "[never]"))
		finding_add(
			f, "huge_pages", FINDING_WARN,
			"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (and a line in "
			"/etc/tmpfiles.d)",
			"transparent huge pages are off: desktops are slower");
	else
		finding_add(f, "huge_pages", FINDING_OK, "", "transparent huge pages are on");
}

void doctor_judge_processor(struct findings *f, const char *flags, const char *second_level,
			    const char *nested)
{
	bool intel = has_word(flags, "vmx"), amd = has_word(flags, "svm");

	if (!intel && !amd)
		finding_add(f, "virtualization", FINDING_BAD,
			    "switch Intel VT-x or AMD-V on in the machine's firmware",
			    "the processor offers no hardware virtualization");
	else if (!has_word(flags, intel ? "ept" : "npt") || is_off(second_level))
		finding_add(f, "virtualization", FINDING_BAD,
			    "options kvm_intel ept=1 (kvm_amd npt=1) in /etc/modprobe.d, and a "
			    "restart; "
			    "a processor without it is not fit for desktops",
			    "%s is missing or switched off: guests are slow and take much memory",
			    intel ? "EPT" : "NPT");
	else
		finding_add(f, "virtualization", FINDING_OK, "", "%s with %s",
			    intel ? "VT-x" : "AMD-V", intel ? "EPT" : "NPT");
	if (is_on(nested))
		finding_add(
			f, "nested", FINDING_WARN,
			"options kvm_intel nested=0 (kvm_amd nested=0) in /etc/modprobe.d, and a "
			"restart",
			"guests may run virtual machines of their own: code of the kernel that no "
			"desktop needs lies open to them");
	if (has_word(flags, "hypervisor"))
		finding_add(f, "nested", FINDING_WARN, "use a machine of its own for real work",
			    "this machine is a virtual machine itself");
}
