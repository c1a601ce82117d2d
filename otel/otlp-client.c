/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends one request at a time, until it is taken, refused for good, or out of time.
 *
 *	            +--------------- wait: back-off or what the receiver asked for <--+
 *	            v                                                                 | RETRY
 *	send --> attempt --> libcurl error, HTTP status or gRPC status --> judge -----+--> TAKEN
 *	                                                                              +--> REFUSED
 *
 * Specification: protocol/otlp.md (OTLP/gRPC and OTLP/HTTP: response, retry, throttling).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lane_priv.h"
#include "otlp_priv.h"
#include "otlp_transfer_priv.h"
#include "pipeline_priv.h"

enum { BACKOFF_CAP_MS = 5000, SOON_MS = 100 };

/* The first wait; each is half as long again, up to the cap. */
int otelp_otlp_backoff_ms = 1000;

struct otelp_otlp_client {
	struct otelp_transfer transfer;
	int signal;
	char label[200]; /* for messages: the URL without user, password and query */
	atomic_uint_fast64_t retries;
	int64_t not_before_ms; /* the receiver asked to be left alone until then */
	int64_t soon_ms;       /* the least that is waited for one that asks for less */
	bool odd_answer_said;
};

/* ---- waiting ---- */

/* A fifth more or less, so that many clients don't come back at once. */
static int64_t
jittered(int64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random = (uint32_t)otelp_now_unix_ns();
	return ms * 4 / 5 + (int64_t)(random % 1000) * ms * 2 / 5 / 1000;
}

/* How long to wait before the next attempt: what the receiver asked for, or back-off. Grows the latter. */
static int64_t
next_wait(struct otelp_otlp_client *c, const struct otelp_otlp_answer *answer,
          int64_t *backoff_ms)
{
	int64_t asked_ms = answer->retry_after_ms, wait_ms, cap_ms = BACKOFF_CAP_MS;

	if (asked_ms >= 0) { /* also the least that back-off starts from afterwards */
		c->not_before_ms = otelp_monotonic_ms() + asked_ms;
		if (asked_ms > *backoff_ms)
			*backoff_ms = asked_ms;
		if (asked_ms > cap_ms)
			cap_ms = asked_ms;
		wait_ms = asked_ms;
		/* "At once", again and again, is a receiver that is broken or whose clock is behind. */
		if (asked_ms < c->soon_ms) {
			wait_ms = jittered(c->soon_ms);
			if (c->soon_ms < BACKOFF_CAP_MS)
				c->soon_ms *= 2;
		}
	} else {
		wait_ms = jittered(*backoff_ms);
	}
	*backoff_ms += *backoff_ms / 2;
	if (*backoff_ms > cap_ms)
		*backoff_ms = cap_ms;
	return wait_ms;
}

/* An answer that makes no sense is worth a word: an endpoint may be somebody else's. */
static void
say_odd(struct otelp_otlp_client *c, const struct otelp_otlp_answer *answer)
{
	const char *type = c->transfer.content_type;

	if (answer->odd && !c->odd_answer_said) {
		otelp_diag(OTEL_DIAG_WARN,
		           "%s: %s (content-type %s): is that an OTLP receiver?",
		           c->label, answer->odd, *type ? type : "missing");
		c->odd_answer_said = true;
	}
}

/* Whether there is time for an attempt, and the receiver wants to be asked. */
static int
may_try(const struct otelp_otlp_client *c, int64_t deadline_ms, struct otel_error *err)
{
	int64_t now_ms = otelp_monotonic_ms();

	if (atomic_load(&c->transfer.interrupted))
		return otel_error_set(err, -ECANCELED,
		                      "interrupted at the end of the process");
	if (now_ms < c->not_before_ms)
		return otel_error_set(err, -ETIMEDOUT,
		                      "%s: it asked to be left alone for longer",
		                      c->label);
	if (now_ms >= deadline_ms)
		return otel_error_set(err, -ETIMEDOUT, "%s: no time left", c->label);
	return 0;
}

int
otelp_otlp_client_send(struct otelp_otlp_client *c, const void *body, size_t len,
                       int timeout_ms, struct otelp_otlp_answer *answer,
                       struct otel_error *err)
{
	int64_t deadline_ms = otelp_deadline_ms(timeout_ms == INT_MAX ? -1 : timeout_ms);
	int64_t backoff_ms = otelp_otlp_backoff_ms, until_ms = c->not_before_ms, wait_ms;
	struct otel_error why = OTEL_ERROR_INIT; /* of the last attempt */
	int r = otelp_transfer_own(&c->transfer);

	if (r < 0)
		return r;
	c->soon_ms = otelp_otlp_backoff_ms < SOON_MS ? otelp_otlp_backoff_ms : SOON_MS;
	for (;;) {
		enum otelp_verdict verdict;
		CURLcode code;

		otelp_transfer_wait(&c->transfer,
		                    until_ms < deadline_ms ? until_ms : deadline_ms);
		if (why.code && otelp_monotonic_ms() >= deadline_ms)
			return otel_error_set(err, why.code, "%s: %s", c->label,
			                      why.message);
		r = may_try(c, deadline_ms, err);
		if (r < 0)
			return r;
		why = (struct otel_error)OTEL_ERROR_INIT;
		*answer = (struct otelp_otlp_answer){ .retry_after_ms = -1 };
		code = otelp_transfer_attempt(&c->transfer, body, len, deadline_ms);
		verdict = otelp_otlp_judge(&c->transfer, c->signal, code, answer, &why);
		if (verdict == OTELP_TAKEN) {
			say_odd(c, answer);
			return 0;
		}
		if (atomic_load(&c->transfer.interrupted))
			return may_try(c, deadline_ms, err);
		if (verdict == OTELP_REFUSED || otelp_transfer_is_vain(&c->transfer))
			return otel_error_set(err, why.code, "%s: %s", c->label,
			                      why.message);
		wait_ms = next_wait(c, answer, &backoff_ms);
		until_ms = otelp_monotonic_ms() + wait_ms;
		if (until_ms >= deadline_ms) /* that would only be lost time */
			return otel_error_set(err, why.code, "%s: %s", c->label,
			                      why.message);
		otelp_diag(OTEL_DIAG_DEBUG, "%s: %s; trying again in %lld ms", c->label,
		           why.message, (long long)wait_ms);
		atomic_fetch_add(&c->retries, 1);
	}
}

void
otelp_otlp_client_interrupt(struct otelp_otlp_client *c)
{
	otelp_transfer_interrupt(&c->transfer);
}

void
otelp_otlp_client_finish(struct otelp_otlp_client *c)
{
	otelp_transfer_finish(&c->transfer);
}

uint64_t
otelp_otlp_client_retries(const struct otelp_otlp_client *c)
{
	return atomic_load(&c->retries);
}

const char *
otelp_otlp_client_label(const struct otelp_otlp_client *c)
{
	return c->label;
}

/* ---- life ---- */

static void
make_label(struct otelp_otlp_client *c)
{
	const char *rest = strstr(c->transfer.url, "://"), *at, *end;

	rest = rest ? rest + 3 : c->transfer.url;
	end = rest + strcspn(rest, "/?#");
	at = memchr(rest, '@', (size_t)(end - rest));
	snprintf(c->label, sizeof c->label, "%s%.*s%.*s", c->transfer.grpc ? "grpc " : "",
	         (int)(rest - c->transfer.url), c->transfer.url,
	         c->transfer.grpc ? (int)(end - (at ? at + 1 : rest))
	                          : (int)strcspn(at ? at + 1 : rest, "?#"),
	         at ? at + 1 : rest);
}

int
otelp_otlp_client_new(const struct otel_otlp_config *config, int signal,
                      struct otelp_otlp_client **out, struct otel_error *err)
{
	struct otelp_otlp_client *c = otelp_calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->signal = signal;
	r = otelp_transfer_init(&c->transfer, config, signal, err);
	if (r < 0) {
		otelp_otlp_client_free(c);
		return r;
	}
	make_label(c);
	*out = c;
	return 0;
}

void
otelp_otlp_client_free(struct otelp_otlp_client *c)
{
	if (!c)
		return;
	otelp_transfer_fini(&c->transfer);
	otelp_free(c);
}
