/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - the one event loop of a program: descriptors, timers, signals, children.
 * A thin door to libevent; modules that need bufferevents take loop_base(). Loop thread only,
 * except loop_post(). `*_free` takes effect at once: no callback comes after it. */
#ifndef GENKAN_SYS_LOOP_H
#define GENKAN_SYS_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/base/cleanup.h"
#include "common/base/error.h"

struct event_base;
struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_child;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
/* The same for many short connections: of several changes between two waits the kernel is told the
 * last. Not for a program that hands its descriptors to others or has them under two numbers. */
struct loop *loop_new_for_server(void);
void loop_free(struct loop *loop);
DEFINE_OWNED(loop_free, struct loop);
struct event_base *loop_base(struct loop *loop);
/* Runs until loop_stop(). SIGPIPE is ignored from then on. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Level triggered; `events` is LOOP_READ|LOOP_WRITE. The descriptor stays the caller's. */
typedef void loop_fd_fn(void *arg, int fd, unsigned events);
struct loop_fd *loop_fd_new(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *arg);
void loop_fd_set(struct loop_fd *watch, unsigned events);
void loop_fd_free(struct loop_fd *watch);

/* A timer is created stopped; start again moves it. It fires once. */
typedef void loop_timer_fn(void *arg);
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

typedef void loop_signal_fn(void *arg, int signum);
struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *watch);

/* Tells the end of any process by pidfd, child or not. `status` is the wait status of a child,
 * which is reaped, and -1 for a process that is somebody else's child. -ESRCH: already gone. */
typedef void loop_child_fn(void *arg, pid_t pid, int status);
int loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg,
		   struct loop_child **out);
void loop_child_free(struct loop_child *watch);

/* From any thread: run `fn` on the loop soon, in order. */
typedef void loop_post_fn(void *arg);
void loop_post(struct loop *loop, loop_post_fn *fn, void *arg);
/* Loop thread: takes a post back. False: its callback is already on its way and will come. */
bool loop_unpost(struct loop *loop, loop_post_fn *fn, const void *arg);

#endif
