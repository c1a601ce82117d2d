/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OTLP exporter of one signal: encode, compress, frame, send; then say what the receiver refused.
 * A batch whose request would be larger than a receiver has to take is sent in halves.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lane_priv.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"

struct otlp_exporter {
	struct otel_exporter base;
	struct otel_otlp_config config;
	int signal;
	struct otelp_otlp_client *client;
	struct otelp_encoder encoder;
	struct otelp_gzip *gzip; /* NULL: no compression */
	pid_t pid;               /* whose encoder and compressor these are */
	bool too_large_said;
	bool partial_said; /* the last request was taken in part, and that has been said */
};

enum { GRPC_HEAD = 5 };

static void
grpc_head(uint8_t head[GRPC_HEAD], bool compressed, size_t len)
{
	head[0] = compressed;
	for (int i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(len >> (8 * (3 - i)));
}

/* From the encoder's bytes to what goes over the wire, borrowed. */
static int
wrap(struct otlp_exporter *exp, const uint8_t **body, size_t *len)
{
	bool grpc = exp->config.protocol == OTEL_PROTOCOL_GRPC;
	uint8_t head[GRPC_HEAD], *zipped;
	int r;

	*body = otelp_encoder_bytes(&exp->encoder, len);
	if (exp->gzip) {
		r = otelp_gzip_run(exp->gzip, grpc ? GRPC_HEAD : 0, *body, *len, &zipped,
		                   len);
		if (r < 0)
			return r;
		if (grpc)
			grpc_head(zipped, true, *len - GRPC_HEAD);
		*body = zipped;
	} else if (grpc) {
		grpc_head(head, false, *len);
		r = otelp_encoder_prepend(&exp->encoder, head, sizeof head);
		if (r < 0)
			return r;
		*body = otelp_encoder_bytes(&exp->encoder, len);
	}
	return 0;
}

/* Told when it begins, not for every request. */
static void
tell_partial(struct otlp_exporter *exp, const struct otelp_otlp_answer *answer)
{
	bool partial = answer->rejected || *answer->message;
	const char *label = otelp_otlp_client_label(exp->client);

	if (answer->rejected && !exp->partial_said)
		otelp_diag(OTEL_DIAG_WARN, "%s: the receiver refused %llu items: %s",
		           label, (unsigned long long)answer->rejected,
		           *answer->message ? answer->message : "it did not say why");
	else if (partial && !exp->partial_said)
		otelp_diag(OTEL_DIAG_WARN, "%s: the receiver warns: %s", label,
		           answer->message);
	exp->partial_said = partial;
}

/* Returns how many the receiver refused, or no request can carry; or a negative errno. */
static int
send_items(struct otlp_exporter *exp, const struct otelp_items *items,
           int64_t deadline_ms, struct otel_error *err)
{
	bool json = exp->config.protocol == OTEL_PROTOCOL_HTTP_JSON;
	struct otelp_otlp_answer answer;
	const uint8_t *body = NULL;
	int64_t left_ms;
	size_t len = 0;
	int r = json ? otelp_encode_json(&exp->encoder, exp->signal, items)
	             : otelp_encode(&exp->encoder, exp->signal, items);

	if (r == -EMSGSIZE && items->n > 1) {
		struct otelp_items half = *items, rest = *items;
		int first, second;

		half.n /= 2;
		rest.n -= half.n;
		rest.first = (const char *)rest.first + half.n * rest.stride;
		first = send_items(exp, &half, deadline_ms, err);
		second = send_items(exp, &rest, deadline_ms, err);
		if (first < 0 || second < 0)
			return first < 0 ? first : second;
		return first < INT_MAX - second ? first + second : INT_MAX;
	}
	if (r == -EMSGSIZE) {
		if (!exp->too_large_said)
			otelp_diag(OTEL_DIAG_WARN,
			           "%s: an item larger than a request may be was dropped",
			           otelp_otlp_client_label(exp->client));
		exp->too_large_said = true;
		return 1; /* of the others, none need be lost with it */
	}
	if (r == 0)
		r = wrap(exp, &body, &len);
	if (r < 0)
		return otel_error_set(err, r, "%s: making a request of %zu items: %s",
		                      otelp_otlp_client_label(exp->client), items->n,
		                      strerror(-r));
	left_ms = deadline_ms == INT64_MAX ? INT_MAX : deadline_ms - otelp_monotonic_ms();
	r = otelp_otlp_client_send(exp->client, body, len, left_ms > 0 ? (int)left_ms : 0,
	                           &answer, err);
	if (r < 0)
		return r;
	tell_partial(exp, &answer);
	return answer.rejected < INT_MAX ? (int)answer.rejected : INT_MAX;
}

/*
 * The fork may have found the parent's thread in the middle of an export, between giving a buffer back
 * and forgetting it say. The child begins with new ones.
 */
static int
own(struct otlp_exporter *exp)
{
	int r = 0;

	if (exp->pid == getpid())
		return 0;
	memset(&exp->encoder, 0, sizeof exp->encoder);
	exp->gzip = NULL;
	if (exp->config.gzip)
		r = otelp_gzip_new(&exp->gzip);
	if (r == 0)
		exp->pid = getpid();
	return r;
}

static int
export_items(struct otel_exporter *self, struct otelp_items items, int timeout_ms,
             struct otel_error *err)
{
	struct otlp_exporter *exp = (struct otlp_exporter *)self;
	int r;

	r = own(exp);
	if (r < 0)
		return otel_error_set(err, r, "%s: %s",
		                      otelp_otlp_client_label(exp->client), strerror(-r));
	/* The shorter of the processor's patience and the exporter's own; both include retries. */
	if (exp->config.timeout_ms > 0 && exp->config.timeout_ms < timeout_ms)
		timeout_ms = exp->config.timeout_ms;
	r = send_items(exp, &items,
	               otelp_deadline_ms(timeout_ms == INT_MAX ? -1 : timeout_ms), err);
	otelp_encoder_trim(&exp->encoder);
	if (exp->gzip)
		otelp_gzip_trim(exp->gzip);
	return r;
}

static int
otlp_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
           size_t n, int timeout_ms, struct otel_error *err)
{
	return export_items(self, (struct otelp_items){ spans, true, sizeof *spans, n },
	                    timeout_ms, err);
}

static int
otlp_logs(struct otel_exporter *self, const struct otel_log_data *const *logs, size_t n,
          int timeout_ms, struct otel_error *err)
{
	return export_items(self, (struct otelp_items){ logs, true, sizeof *logs, n },
	                    timeout_ms, err);
}

static int
otlp_metrics(struct otel_exporter *self, const struct otel_metric_data *metrics, size_t n,
             int timeout_ms, struct otel_error *err)
{
	return export_items(self,
	                    (struct otelp_items){ metrics, false, sizeof *metrics, n },
	                    timeout_ms, err);
}

static void
otlp_interrupt(struct otel_exporter *self)
{
	otelp_otlp_client_interrupt(((struct otlp_exporter *)self)->client);
}

static void
otlp_finish(struct otel_exporter *self)
{
	otelp_otlp_client_finish(((struct otlp_exporter *)self)->client);
}

static uint64_t
otlp_retries(struct otel_exporter *self)
{
	return otelp_otlp_client_retries(((struct otlp_exporter *)self)->client);
}

static void
otlp_free(struct otel_exporter *self)
{
	struct otlp_exporter *exp = (struct otlp_exporter *)self;

	otelp_otlp_client_free(exp->client);
	if (exp->pid == getpid()) {
		otelp_encoder_fini(&exp->encoder);
		otelp_gzip_free(exp->gzip);
	}
	otelp_free(exp);
}

int
otelp_exporter_otlp_new(const struct otel_otlp_config *config, int signal,
                        struct otel_exporter **out, struct otel_error *err)
{
	struct otlp_exporter *exp;
	int r;

	exp = otelp_calloc(1, sizeof *exp);
	if (!exp)
		return otel_error_set(err, -ENOMEM, "OTLP exporter: no memory");
	exp->base = (struct otel_exporter){
		.name = "otlp",
		.export_spans = otlp_spans,
		.export_logs = otlp_logs,
		.export_metrics = otlp_metrics,
		.interrupt = otlp_interrupt,
		.finish = otlp_finish,
		.retries = otlp_retries,
		.free = otlp_free,
	};
	exp->config = *config;
	exp->signal = signal;
	r = otelp_otlp_client_new(config, signal, &exp->client, err);
	if (r == 0)
		r = own(exp);
	if (r < 0) {
		otlp_free(&exp->base);
		return otel_error_set(err, r, "OTLP exporter: %s", strerror(-r));
	}
	*out = &exp->base;
	return 0;
}
