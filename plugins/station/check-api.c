/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check's life: evaluate; when that decides everything, or time is over, say what came of it; otherwise
 * wait until something arrives, or until an assertion that holds has held for long enough. A rest after each
 * evaluation, longer than it took, leaves the loop to those who send.
 */
#include "check-api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check-miss.h"
#include "check-series.h"
#include "origin.h"
#include "query.h"

#define REST_MS 5 /* at least, so that a burst of requests is looked at as one */
#define REFUSED_NS \
	UINT64_C(60000000000) /* before the check began: when its requests were made */
#define REST_FOR 3            /* times as long as the evaluation took */

struct run {
	struct svc_request *req;
	const struct checks *in;
	struct check_judge judge;
	uint64_t begun_ns;
	char refused[480];
};

static uint64_t
monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
let_others_run(void *arg)
{
	struct run *run = arg;

	return svc_sleep(run->req->host, 1);
}

/* ---- waiting ---- */

/* Until it is worth looking again. 0, or -ECANCELED. */
static int
rest(const struct run *run, uint64_t seq, uint64_t took_ns, uint64_t deadline_ns, int ms)
{
	const struct svc_host *host = run->req->host;
	int pause = (int)(REST_FOR * took_ns / 1000000u) + REST_MS;
	uint64_t now;
	int64_t left;
	int r = svc_sleep(host, pause);

	now = monotonic_ns();
	if (r < 0 || store_seq(run->in->store) != seq || now >= deadline_ns)
		return r;
	left = (int64_t)((deadline_ns - now) / 1000000u) + 1;
	r = svc_event_wait(host, run->in->arrived, ms >= 0 && ms < left ? ms : (int)left);
	return r == -ETIMEDOUT ? 0 : r;
}

static int
judge_until_decided(struct run *run)
{
	uint64_t deadline_ns = run->begun_ns + (uint64_t)run->judge.file->within_ns;
	int r, ms;

	for (;;) {
		uint64_t seq = store_seq(run->in->store), now = monotonic_ns();

		run->judge.look.slice_ns = now;
		r = check_judge_evaluate(&run->judge, now);
		if (r < 0 || now >= deadline_ns ||
		    check_judge_is_decided(&run->judge, monotonic_ns(), &ms))
			return r;
		r = rest(run, seq, monotonic_ns() - now, deadline_ns, ms);
		if (r < 0)
			return r;
	}
}

/* ---- the answer ---- */

static void
write_hints(struct buf *buf, const json_t *hints)
{
	char *dump = hints ? json_dumps(hints, JSON_COMPACT) : NULL;

	buf->failed = buf->failed || (hints && !dump);
	buf_printf(buf, ",\"hints\":%s}", dump ? dump : "[]");
	free(dump);
}

static int
write_result(struct run *run, size_t i, bool pass, struct buf *buf)
{
	const struct check_assertion *assertion = &run->judge.file->assertions[i];
	const char *say = assertion->say ? assertion->say : assertion->id;
	struct buf miss = { 0 };
	int r = pass ? 0 : check_miss_write(&run->judge, i, &miss);

	if (r == 0) {
		buf_printf(buf, "%s{\"id\":", i ? "," : "");
		buf_json_string(buf, assertion->id, strlen(assertion->id));
		buf_puts(buf, ",\"say\":");
		buf_json_string(buf, say, strlen(say));
		buf_printf(buf, ",\"result\":\"%s\",\"miss\":", pass ? "pass" : "fail");
		if (pass)
			buf_puts(buf, "null");
		else
			buf_json_string(buf, miss.data ? miss.data : "", miss.len);
		write_hints(buf, assertion->hints);
	}
	buf_fini(&miss);
	return r;
}

static int
write_results(struct run *run, struct buf *buf)
{
	uint64_t took_ns = monotonic_ns() - run->begun_ns;
	struct buf results = { 0 };
	size_t passed = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->judge.file->n; i++) {
		enum check_state_kind kind = run->judge.states[i].kind;
		bool pass = kind == CHECK_PASSED || kind == CHECK_HOLDING;

		passed += pass;
		r = write_result(run, i, pass, &results);
	}
	buf_printf(buf, "{\"passed\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"results\":[",
	           passed, run->judge.file->n - passed, (double)took_ns / 1e9);
	buf_add(buf, results.data ? results.data : "", results.len);
	buf_puts(buf, "]}");
	if (r == 0 && (results.failed || buf->failed))
		r = -ENOMEM;
	buf_fini(&results);
	return r;
}

static int
run_begin(struct run *run, const struct check_file *file, uint64_t until_unix_ns)
{
	int r;

	run->begun_ns = monotonic_ns();
	r = check_judge_init(&run->judge, file, run->in->store, run->begun_ns,
	                     until_unix_ns);
	run->judge.look.yield = let_others_run;
	run->judge.look.arg = run;
	run->judge.look.clock_ns = monotonic_ns;
	return r;
}

/* The answer is a reply in pieces: it has no deadline but the file's own, and ends when the client does. */
static int
run_end(struct run *run, int r, struct buf *buf)
{
	if (r == 0 && buf->failed)
		r = -ENOMEM;
	if (r == 0)
		r = svc_reply_write(run->req, buf->data, buf->len);
	if (r == 0)
		r = svc_reply_end(run->req);
	buf_fini(buf);
	check_judge_fini(&run->judge);
	return r == -ECANCELED ? 0 : r;
}

/* What somebody sent shortly before, or since, and the receiver did not take. */
static void
note_refusal(struct run *run)
{
	uint64_t ago = monotonic_ns() - run->begun_ns + REFUSED_NS;

	if (receiver_refusal(run->in->receiver, station_now() - ago, run->refused,
	                     sizeof run->refused))
		run->judge.refused = run->refused;
}

static int
judge(struct run *run, const struct check_file *file)
{
	struct buf buf = { 0 };
	int r = svc_reply_begin(run->req, 200, "application/json");

	if (r < 0)
		return r;
	r = run_begin(run, file,
	              file->until_unix_ns ? file->until_unix_ns : station_now());
	if (r == 0)
		r = judge_until_decided(run);
	note_refusal(run);
	if (r == 0)
		r = write_results(run, &buf);
	return run_end(run, r, &buf);
}

/*
 * Where telemetry begins to count. Counters are compared with where they stood, so their next report is
 * awaited, unless they have just been told by who asks (`fresh`).
 */
static int
begin(struct run *run, const struct check_file *file)
{
	uint64_t began_unix_ns = station_now(), deadline_ns;
	struct buf buf = { 0 };
	int r = svc_reply_begin(run->req, 200, "application/json");

	if (r < 0)
		return r;
	r = run_begin(run, file, began_unix_ns);
	run->judge.look.since = store_seq(run->in->store);
	deadline_ns = run->begun_ns + (uint64_t)file->within_ns;
	while (r == 0 && !svc_query(run->req, "fresh")) {
		uint64_t seq = store_seq(run->in->store), now = monotonic_ns();

		run->judge.look.slice_ns = now;
		r = check_series_update(&run->judge.look);
		if (r < 0 || now >= deadline_ns ||
		    !check_judge_is_behind(&run->judge, began_unix_ns, station_now()))
			break;
		r = rest(run, seq, monotonic_ns() - now, deadline_ns, 1000);
	}
	buf_printf(&buf, "{\"since\":%" PRIu64 "}", store_seq(run->in->store));
	return run_end(run, r, &buf);
}

/* ---- the request ---- */

static int
reply_mistakes(struct svc_request *req, json_t *mistakes)
{
	return svc_reply_json(req, 400, json_pack("{s:o}", "mistakes", mistakes));
}

static int
run_file(struct checks *checks, struct svc_request *req, const struct check_file *file)
{
	struct run run = { .req = req, .in = checks };
	int r;

	if (file->since > store_seq(checks->store))
		return svc_reply_text(
			req, 409,
			"nothing of that number has arrived: the station was started anew meanwhile\n");
	if (checks->n_running == CHECK_MAX_RUNNING) {
		svc_reply_header(req, "Retry-After", "5");
		return svc_reply_text(req, 503, "too many checks run at once\n");
	}
	checks->n_running++;
	r = svc_query(req, "begin") ? begin(&run, file) : judge(&run, file);
	checks->n_running--;
	return r;
}

int
check_handle(struct checks *checks, struct svc_request *req)
{
	struct check_file *file = NULL;
	json_t *mistakes = NULL;
	int r;

	if (strcmp(req->method, "POST") != 0) {
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "a check is asked for by POST\n");
	}
	if (!web_is_same_origin(req))
		return svc_reply_text(
			req, 403, "only the station's own page may check by a browser\n");
	if (req->len > CHECK_MAX_FILE)
		return svc_reply_text(req, 413, "a check file has at most 256 KiB\n");
	r = check_file_read(req->body, req->len, &file, &mistakes);
	if (r == -EINVAL)
		return reply_mistakes(req, mistakes);
	if (r < 0)
		return svc_reply_text(req, 503, "the station is out of memory\n");
	r = run_file(checks, req, file);
	check_file_free(file);
	return r;
}
