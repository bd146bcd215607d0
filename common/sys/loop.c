/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct post {
	struct post *next;
	loop_post_fn *fn;
	void *arg;
};

struct loop {
	struct event_base *base;
	int wake_fd;
	struct event *wake;
	pthread_mutex_t lock;	/* guards the posts */
	struct post *first, **last;
};

struct loop_fd {
	struct event *event;
	struct event_base *base;
	int fd;
	loop_fd_fn *fn;
	void *arg;
};

struct loop_timer {
	struct event *event;
	loop_timer_fn *fn;
	void *arg;
};

struct loop_signal {
	struct event *event;
	loop_signal_fn *fn;
	void *arg;
};

struct loop_child {
	struct event *event;
	int pidfd;
	pid_t pid;
	loop_child_fn *fn;
	void *arg;
};

static struct post *take_posts(struct loop *loop)
{
	struct post *first;

	pthread_mutex_lock(&loop->lock);
	first = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	pthread_mutex_unlock(&loop->lock);
	return first;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	for (struct post *post = take_posts(arg), *next; post; post = next) {
		next = post->next;
		post->fn(post->arg);
		free(post);
	}
}

static struct loop *loop_with(struct event_base *base)
{
	struct loop *loop = xnew(struct loop);

	signal(SIGPIPE, SIG_IGN);
	loop->base = base;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!loop->base || loop->wake_fd < 0)
		abort();
	pthread_mutex_init(&loop->lock, NULL);
	loop->last = &loop->first;
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
	event_add(loop->wake, NULL);
	return loop;
}

struct loop *loop_new(void)
{
	return loop_with(event_base_new());
}

struct loop *loop_new_for_server(void)
{
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return loop_with(base);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (struct post *post = take_posts(loop), *next; post; post = next) {
		next = post->next;
		free(post);
	}
	event_free(loop->wake);
	event_base_free(loop->base);
	close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

void loop_run(struct loop *loop)
{
	event_base_dispatch(loop->base);
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *watch = arg;

	watch->fn(watch->arg, fd,
		  (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u));
}

static short fd_events(unsigned events)
{
	return (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) |
		       (events & LOOP_WRITE ? EV_WRITE : 0));
}

struct loop_fd *loop_fd_new(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *arg)
{
	struct loop_fd *watch = xnew(struct loop_fd);

	*watch = (struct loop_fd){ .base = loop->base, .fd = fd, .fn = fn, .arg = arg };
	watch->event = event_new(loop->base, fd, fd_events(events), on_fd, watch);
	if (!watch->event)
		abort();
	if (events)
		event_add(watch->event, NULL);
	return watch;
}

void loop_fd_set(struct loop_fd *watch, unsigned events)
{
	event_del(watch->event);
	event_assign(watch->event, watch->base, watch->fd, fd_events(events), on_fd, watch);
	if (events)
		event_add(watch->event, NULL);
}

void loop_fd_free(struct loop_fd *watch)
{
	if (!watch)
		return;
	event_free(watch->event);
	free(watch);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	timer->fn(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *arg)
{
	struct loop_timer *timer = xnew(struct loop_timer);

	timer->fn = fn;
	timer->arg = arg;
	timer->event = evtimer_new(loop->base, on_timer, timer);
	if (!timer->event)
		abort();
	return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms)
{
	struct timeval delay;

	if (delay_ms < 0)
		delay_ms = 0;
	delay.tv_sec = delay_ms / 1000;
	delay.tv_usec = delay_ms % 1000 * 1000;
	evtimer_add(timer->event, &delay);
}

void loop_timer_stop(struct loop_timer *timer)
{
	evtimer_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

static void on_signal(evutil_socket_t signum, short what, void *arg)
{
	struct loop_signal *watch = arg;

	watch->fn(watch->arg, signum);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *watch = xnew(struct loop_signal);

	watch->fn = fn;
	watch->arg = arg;
	watch->event = evsignal_new(loop->base, signum, on_signal, watch);
	if (!watch->event || evsignal_add(watch->event, NULL) < 0)
		abort();
	return watch;
}

void loop_signal_free(struct loop_signal *watch)
{
	if (!watch)
		return;
	event_free(watch->event);
	free(watch);
}

/* The watch may be freed inside the callback, so nothing of it is used after the call. */
static void on_child(evutil_socket_t fd, short what, void *arg)
{
	struct loop_child *watch = arg;
	int status;

	event_del(watch->event);
	if (waitpid(watch->pid, &status, WNOHANG) != watch->pid)
		status = -1;
	watch->fn(watch->arg, watch->pid, status);
}

int loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg,
		   struct loop_child **out)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;

	struct loop_child *watch = xnew(struct loop_child);

	*watch = (struct loop_child){ .pidfd = pidfd, .pid = pid, .fn = fn, .arg = arg };
	watch->event = event_new(loop->base, pidfd, EV_READ, on_child, watch);
	if (!watch->event)
		abort();
	event_add(watch->event, NULL);
	*out = watch;
	return 0;
}

void loop_child_free(struct loop_child *watch)
{
	if (!watch)
		return;
	event_free(watch->event);
	close(watch->pidfd);
	free(watch);
}

void loop_post(struct loop *loop, loop_post_fn *fn, void *arg)
{
	struct post *post = xnew(struct post);
	uint64_t one = 1;

	post->fn = fn;
	post->arg = arg;
	pthread_mutex_lock(&loop->lock);
	*loop->last = post;
	loop->last = &post->next;
	pthread_mutex_unlock(&loop->lock);
	if (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

bool loop_unpost(struct loop *loop, loop_post_fn *fn, const void *arg)
{
	struct post *found = NULL;

	pthread_mutex_lock(&loop->lock);
	for (struct post **at = &loop->first; *at; at = &(*at)->next) {
		if ((*at)->fn != fn || (*at)->arg != arg)
			continue;
		found = *at;
		*at = found->next;
		if (loop->last == &found->next)
			loop->last = at;
		break;
	}
	pthread_mutex_unlock(&loop->lock);
	free(found);
	return found;
}
