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
#include "telemetry.h"
#include "worker_priv.h"

#define SAMPLE_MS   200
#define SAME_FRAMES 4 /* innermost ones that make two stalls one */
#define WAITING_SHARE \
	10 /* less than this part of the time at work: it waits for something */
#define AGAIN_NS (10 * UINT64_C(1000000000))

struct watched { /* a loop, as it was seen last */
	uint64_t beat;
	uint64_t since_ns;
	uint64_t work_ns; /* of its thread, then */
	bool is_told;
};

struct watchdog {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool is_ending;      /* guarded by lock */
	struct watched *watched;
	struct worker_crash told; /* what was reported last, and when */
	uint64_t told_ns;
};

/* Owned; NULL when it did not answer, or could not be explained. */
static json_t *
explain(const struct worker_crash *sample)
{
	int fd = memfd_create("cupola-stall", MFD_CLOEXEC);
	json_t *json;

	if (fd < 0)
		return NULL;
	crash_write(fd, sample);
	json = crash_explain(fd, NULL);
	close(fd);
	return json;
}

/* A service that blocks in every request says so once in a while, and not hundreds of times a minute. */
static bool
was_told(struct watchdog *dog, const struct worker_crash *sample)
{
	uint64_t now = host_now_ns();
	uint32_t n = sample->n_frames < SAME_FRAMES ? sample->n_frames : SAME_FRAMES;
	bool same = n > 0 && now < dog->told_ns + AGAIN_NS &&
	            sample->generation == dog->told.generation &&
	            strcmp(sample->plugin, dog->told.plugin) == 0 &&
	            memcmp(sample->frames, dog->told.frames,
	                   n * sizeof *sample->frames) == 0;

	if (!same) {
		dog->told = *sample;
		dog->told_ns = now;
	}
	return same;
}

/* Under the service's own Resource, so that it is seen where its other records are. */
static void
tell_service(struct worker *worker, const char *plugin, const json_t *warning)
{
	struct mounted *mounted = worker_find(worker, plugin);
	struct voice *voice = mounted ? mount_some_voice(mounted->mount) : NULL;

	voice_tell_crash(voice, warning);
	voice_unref(voice);
}

static void
report(struct watchdog *dog, size_t i, uint64_t ms, bool is_waiting)
{
	struct worker *worker = dog->worker;
	struct worker_crash record;
	const char *log, *hint;
	json_t *json = NULL, *warning, *event;

	if (crash_sample(host_loop_thread(worker->loops[i]), SAMPLE_MS, &record) < 0)
		memset(&record, 0, sizeof record);
	record.stalled_ms = ms;
	record.is_waiting = is_waiting;
	event = json_pack("{s:s, s:s, s:I}", "event", "stalled", "plugin", record.plugin,
	                  "ms", (json_int_t)ms);
	if (was_told(dog, &record)) {
		worker_send(worker, event);
		return;
	}
	if (record.n_frames)
		json = explain(&record);
	warning = json_object_get(json, "crash");
	log = json_string_value(json_object_get(json, "log"));
	hint = json_string_value(json_object_get(warning, "hint"));
	host_log_about(HOST_WARN, record.plugin[0] ? record.plugin : NULL,
	               "loop %zu has been stalled for %llu ms%s%s%s%s", i,
	               (unsigned long long)ms, hint ? ": " : "", hint ? hint : "",
	               log ? "\n" : "", log ? log : "");
	if (warning && record.plugin[0]) {
		tell_service(worker, record.plugin, warning);
		json_object_set(event, "warning", warning);
		json_object_set_new(event, "text", json_string(log ? log : ""));
	}
	worker_send(worker, event);
	json_decref(json);
}

/* The processor time of a loop's thread. */
static uint64_t
work_ns(struct host_loop *loop)
{
	struct timespec used = { 0, 0 };
	clockid_t clock;

	if (pthread_getcpuclockid(host_loop_thread(loop), &clock) != 0 ||
	    clock_gettime(clock, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void
look(struct watchdog *dog, size_t i)
{
	const struct host_conf *conf = dog->worker->conf;
	struct host_loop *loop = dog->worker->loops[i];
	struct watched *watched = &dog->watched[i];
	uint64_t beat = host_loop_beat(loop), now = host_now_ns(), ms;
	bool is_waiting;

	if (beat != watched->beat || beat % 2 == 0) {
		*watched = (struct watched){ beat, now, work_ns(loop), false };
		return;
	}
	ms = (now - watched->since_ns) / 1000000u;
	/* On a machine that is busy, what computes gets less than all of a processor. */
	is_waiting = work_ns(loop) - watched->work_ns < ms * 1000000u / WAITING_SHARE;
	if (ms >= (uint64_t)conf->stall_report_ms && !watched->is_told) {
		watched->is_told = true;
		report(dog, i, ms, is_waiting);
	}
	/* It may have gone on while its stack was being read. */
	if (conf->stall_kill_ms > 0 && ms >= (uint64_t)conf->stall_kill_ms &&
	    host_loop_beat(loop) == beat) {
		host_log(HOST_ERROR, "loop %zu has been stalled for %llu ms and is ended",
		         i, (unsigned long long)ms);
		crash_kill_stalled(host_loop_thread(loop), ms, is_waiting);
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
