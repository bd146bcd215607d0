/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - one value of another program's settings file. */
#ifndef GENKAN_CTL_SETTINGS_H
#define GENKAN_CTL_SETTINGS_H

/* To be freed; `fallback` (may be NULL) when the file or the key is not there. */
char *ini_value(const char *path, const char *section, const char *key, const char *fallback);

#endif
