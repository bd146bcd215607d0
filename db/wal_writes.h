/* SPDX-License-Identifier: Apache-2.0 */
/* wal_writes.h - a way for SQLite to its files that hands a commit's frames to the kernel at once.
 * SQLite writes the header and the page of each frame on their own: seventeen system calls for a login.
 * Of the log alone, writes are gathered while each begins where the last one ended; before anything
 * else is done with the file they are written.
 *
 * That promises no less: frames count from the flush on, which SQLite asks for before it shows them to
 * anybody (synchronous=FULL), and the flush writes first. What cannot be written is reported by the call
 * that had to write it, and forgotten, as SQLite forgets a transaction whose write failed. Who reads
 * has a file object of their own, and no look at a frame that has not been flushed. */
#ifndef GENKAN_DB_WAL_WRITES_H
#define GENKAN_DB_WAL_WRITES_H

#define WAL_WRITES "genkan-wal-writes"	/* for sqlite3_open_v2(): of the handle that writes */

/* Once, before a handle is opened. An SQLite code. */
int wal_writes_register(void);

#endif
