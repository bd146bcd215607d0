/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h - how a kind of directory is laid out: the values that directory.profile stands for. */
#ifndef GENKAN_DIRECTORY_PROFILE_H
#define GENKAN_DIRECTORY_PROFILE_H

#include "broker/directory/directory.h"

#define PROFILE_VALUE "*"	/* in a setting: what the profile says */

/* Replaces each PROFILE_VALUE; -EINVAL: no such profile. */
int directory_profile_apply(struct directory_config *config, struct error *err) MUST_CHECK;

#endif
