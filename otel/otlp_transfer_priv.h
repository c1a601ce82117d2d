/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/otlp_transfer_priv.h - one connection to a receiver, one attempt at a time.
 *
 * otlp-verdict.c says what its outcome means, otlp-client.c whether there is another.
 */
#ifndef OTEL_OTLP_TRANSFER_PRIV_H
#define OTEL_OTLP_TRANSFER_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <curl/curl.h>

#include <otel/sdk.h>

enum { OTELP_TRANSFER_SOCKETS = 8 };

struct otelp_transfer {
	struct otel_otlp_config config;
	bool grpc, h2c, loopback;
	char url[700];
	char error[CURL_ERROR_SIZE];
	atomic_bool interrupted; /* for good */
	atomic_bool finishing;   /* the process is about to end */
	_Atomic(CURLM *) multi;
	CURL *easy;
	struct curl_slist *headers; /* those of every request */
	struct curl_slist *last;    /* of them; an attempt puts one more behind it */
	pid_t pid;                  /* whose connection it is */
	int sockets
		[OTELP_TRANSFER_SOCKETS]; /* open, or -1; what a forked child has to close */
	bool only_reuse;                  /* this attempt must not connect */
	bool unconnected;                 /* it would have had to */

	/* of the last attempt: */
	bool absent;   /* nobody listened */
	bool answered; /* a head came; otherwise libcurl's status is that of the attempt before */
	uint8_t *body;
	size_t body_len, body_size;
	bool too_big; /* the answer went past OTELP_MAX_RESPONSE */
	char content_type[100], grpc_message[300];
	char *grpc_details;     /* base64, or NULL */
	int grpc_status;        /* -1: none came */
	int64_t retry_after_ms; /* -1: none came */
};

/* Zeroed before; fini copes with the half-built. 0, -EINVAL, -ENOMEM, or what a certificate's file says. */
int otelp_transfer_init(struct otelp_transfer *transfer,
                        const struct otel_otlp_config *config, int signal,
                        struct otel_error *err);
void otelp_transfer_fini(struct otelp_transfer *transfer);

/* In the child of a fork, makes a connection of its own. Before an attempt. 0 or -ENOMEM. */
int otelp_transfer_own(struct otelp_transfer *transfer);
/* Posts the body and keeps the answer. */
CURLcode otelp_transfer_attempt(struct otelp_transfer *transfer, const void *body,
                                size_t len, int64_t deadline_ms);
/* Trying again would only hold up the end: nobody listened, and nobody will start to. */
bool otelp_transfer_is_vain(const struct otelp_transfer *transfer);
/* Waits until then, or until it is interrupted or vain. */
void otelp_transfer_wait(struct otelp_transfer *transfer, int64_t until_ms);
/* From now on, and for a wait that goes on: where nobody listens, once is enough. [any] */
void otelp_transfer_finish(struct otelp_transfer *transfer);
/* Ends an attempt or a wait at once. [any] */
void otelp_transfer_interrupt(struct otelp_transfer *transfer);

/* ---- otlp-verdict.c: what it came to ---- */

struct otelp_otlp_answer;
enum otelp_verdict { OTELP_TAKEN, OTELP_REFUSED, OTELP_RETRY };

/*
 * Judges the last attempt. Fills *answer (whose retry_after_ms is -1 before) and, unless it was taken,
 * *why.
 */
enum otelp_verdict otelp_otlp_judge(const struct otelp_transfer *transfer, int signal,
                                    CURLcode code, struct otelp_otlp_answer *answer,
                                    struct otel_error *why);

#endif
