/* SPDX-License-Identifier: Apache-2.0 */
/* certificates.h - the certificate the broker shows, while it runs: changed files are taken over by
 * new connections, its own is renewed in time, and nobody is surprised by its end. Loop thread. */
#ifndef GENKAN_BROKER_CERTIFICATES_H
#define GENKAN_BROKER_CERTIFICATES_H

#include "broker/broker.h"

struct certificates;

/* -EKEYEXPIRED when what is to be shown has expired: the error has its name and the date. */
int certificates_new(struct broker *broker, struct certificates **out, struct error *err) MUST_CHECK;
void certificates_free(struct certificates *certificates);
DEFINE_OWNED(certificates_free, struct certificates);
/* The doors have their first certificate with this, and let people in. */
int certificates_open_doors(struct certificates *certificates, struct error *err) MUST_CHECK;
/* SIGHUP: looks at once instead of within a minute. */
void certificates_look(struct certificates *certificates);

#endif
