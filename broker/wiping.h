/* SPDX-License-Identifier: Apache-2.0 */
/* wiping.h - passwords travel through buffers of libraries that free them as they are: HTTP bodies
 * (libevent), JSON text (jansson), TLS records (OpenSSL), LDAP requests (liblber). With this, what
 * they free is wiped first. */
#ifndef GENKAN_BROKER_WIPING_H
#define GENKAN_BROKER_WIPING_H

/* First thing in main: before any of these libraries allocates. */
void wiping_install(void);

#endif
