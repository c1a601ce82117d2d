/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that looks at the loops' beats. The same odd beat for stall_report_ms is a fiber that does not give
 * its loop back: what it is doing is told once, by name and line. After stall_kill_ms that thread is made
 * to crash where it stands, and the process starts anew without those requests.
 *
 * Time during which this thread did not run either is nobody's stall: the process was stopped by a signal
 * or a debugger, or the machine had no memory for it.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "crash-text.h"
#include "crash.h"
#include "log.h"
#include "loop.h"
#include "worker_priv.h"

#define SAMPLE_MS 200
#define MAX_TEXT  8192

struct watched { /* a loop, as it was seen last */
	uint64_t beat;
	uint64_t since_ns;
	bool is_told;
};

struct watchdog {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool is_ending;      /* guarded by lock */
	struct watched *watched;
};

static void
describe(const struct worker_crash *sample, char *text, size_t size)
{
	int fd = memfd_create("cupola-stall", MFD_CLOEXEC);

	text[0] = '\0';
	if (fd < 0)
		return;
	crash_write(fd, sample);
	crash_text(fd, NULL, text, size);
	close(fd);
}

static void
report(struct watchdog *dog, size_t i, uint64_t ms)
{
	struct worker *worker = dog->worker;
	struct worker_crash record;
	char text[MAX_TEXT];

	if (crash_sample(host_loop_thread(worker->loops[i]), SAMPLE_MS, &record) < 0)
		memset(&record, 0, sizeof record);
	if (record.n_frames)
		describe(&record, text, sizeof text);
	else
		text[0] = '\0';
	host_log_about(
		HOST_WARN, record.plugin[0] ? record.plugin : NULL,
		"loop %zu has been stalled for %llu ms: use svc_offload() for what blocks%s%s",
		i, (unsigned long long)ms, text[0] ? "\n" : "", text);
	worker_send(worker,
	            json_pack("{s:s, s:s, s:I, s:s}", "event", "stalled", "plugin",
	                      record.plugin, "ms", (json_int_t)ms, "text", text));
}

static void
look(struct watchdog *dog, size_t i)
{
	const struct host_conf *conf = dog->worker->conf;
	struct host_loop *loop = dog->worker->loops[i];
	struct watched *watched = &dog->watched[i];
	uint64_t beat = host_loop_beat(loop), now = host_now_ns(), ms;

	if (beat != watched->beat || beat % 2 == 0) {
		*watched = (struct watched){ beat, now, false };
		return;
	}
	ms = (now - watched->since_ns) / 1000000u;
	if (ms >= (uint64_t)conf->stall_report_ms && !watched->is_told) {
		watched->is_told = true;
		report(dog, i, ms);
	}
	/* It may have gone on while its stack was being read. */
	if (conf->stall_kill_ms > 0 && ms >= (uint64_t)conf->stall_kill_ms &&
	    host_loop_beat(loop) == beat) {
		host_log(HOST_ERROR, "loop %zu has been stalled for %llu ms and is ended",
		         i, (unsigned long long)ms);
		crash_kill_stalled(host_loop_thread(loop), ms);
	}
}

/* After a wait of every_ms that began at `since_ns`: leaves out what it took too long. */
static void
forgive(struct watchdog *dog, uint64_t since_ns, int64_t every_ms)
{
	uint64_t waited = host_now_ns() - since_ns,
		 wanted = (uint64_t)every_ms * 1000000u;

	if (waited < 2 * wanted)
		return;
	for (size_t i = 0; i < dog->worker->n_loops; i++)
		dog->watched[i].since_ns += waited - wanted;
}

static void *
watch(void *arg)
{
	struct watchdog *dog = arg;
	int64_t every_ms = dog->worker->conf->stall_report_ms / 2;

	if (every_ms < 5)
		every_ms = 5;
	if (every_ms > 1000)
		every_ms = 1000;
	pthread_mutex_lock(&dog->lock);
	while (!dog->is_ending) {
		uint64_t since_ns = host_now_ns();
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += every_ms % 1000 * 1000000;
		until.tv_sec += every_ms / 1000 + until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&dog->wake, &dog->lock, &until);
		pthread_mutex_unlock(&dog->lock);
		forgive(dog, since_ns, every_ms);
		for (size_t i = 0; i < dog->worker->n_loops; i++)
			look(dog, i);
		pthread_mutex_lock(&dog->lock);
	}
	pthread_mutex_unlock(&dog->lock);
	return NULL;
}

int
watchdog_new(struct worker *worker, struct watchdog **out, struct otel_error *err)
{
	struct watchdog *dog = calloc(1, sizeof *dog);
	pthread_condattr_t attributes;
	int r;

	if (dog)
		dog->watched = calloc(worker->n_loops, sizeof *dog->watched);
	if (!dog || !dog->watched) {
		free(dog);
		return otel_error_set(err, -ENOMEM, "watchdog: out of memory");
	}
	dog->worker = worker;
	pthread_mutex_init(&dog->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&dog->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	r = pthread_create(&dog->thread, NULL, watch, dog);
	if (r != 0) {
		free(dog->watched);
		free(dog);
		return otel_error_set(err, -r, "watchdog: %s", strerror(r));
	}
	pthread_setname_np(dog->thread, "watchdog");
	*out = dog;
	return 0;
}

void
watchdog_free(struct watchdog *dog)
{
	if (!dog)
		return;
	pthread_mutex_lock(&dog->lock);
	dog->is_ending = true;
	pthread_cond_signal(&dog->wake);
	pthread_mutex_unlock(&dog->lock);
	pthread_join(dog->thread, NULL);
	pthread_cond_destroy(&dog->wake);
	pthread_mutex_destroy(&dog->lock);
	free(dog->watched);
	free(dog);
}
