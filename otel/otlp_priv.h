/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/otlp_priv.h - the pieces of the OTLP exporter.
 *
 *	config -> otlp-endpoint.c: URL, header lines
 *	batch -> otlp-encode.c (protobuf) or otlp-json.c -> otlp-client.c: one request, tried again
 *	                                                    as the specification says
 *
 * exporter-otlp.c joins them. Specification: protocol/otlp.md, protocol/exporter.md.
 */
#ifndef OTEL_OTLP_PRIV_H
#define OTEL_OTLP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/sdk.h>

/* ---- otlp-endpoint.c: what the settings mean ---- */

/*
 * Writes the URL that exports of `signal` are posted to. -EINVAL when the endpoint is no URL that we can
 * use. *loopback says whether the host is this one. [any]
 */
int otelp_otlp_url(const struct otel_otlp_config *config, int signal, char *out,
                   size_t size, bool *loopback, struct otel_error *err);

/* Gets each header of "k=v,k=v", name in lower case, value percent-decoded; not 0 ends the walk and is returned. */
typedef int otelp_otlp_header_fn(const char *name, const char *value, void *userdata);
int otelp_otlp_headers_each(const char *text, otelp_otlp_header_fn *each, void *userdata,
                            struct otel_error *err);
/* 0, or -EINVAL when that is no list of headers. [any] */
int otelp_otlp_headers_check(const char *text, struct otel_error *err);

/* ---- utf8.c ---- */

/* The length of the character at the start of `text`; 0 when it is not UTF-8 (or len is 0). [any] */
size_t otelp_utf8_len(const char *text, size_t len);
bool otelp_utf8_valid(const char *text, size_t len);

/* ---- otlp-sort.c: a batch by resource and scope ---- */

/* n items that are pointed to, or that lie side by side. */
struct otelp_items {
	const void *first; /* an item, or a pointer to one */
	bool pointers;
	size_t stride, n;
};
const void *otelp_item_at(const struct otelp_items *items, size_t i);

/* Everything of one scope: items order[first .. first + n). */
struct otelp_group {
	struct otel_resource *resource;
	const struct otel_scope_data *scope;
	uint32_t owner; /* number of the resource, from 0 in order of appearance */
	uint32_t first, n;
};
/* Keeps its memory from one batch to the next; zeroed it is ready. */
struct otelp_sorter {
	uint32_t *order;
	struct otelp_group *groups;
	uint32_t n_groups, n_owners;
	size_t order_size, groups_size; /* allocated */
};
int otelp_sort(struct otelp_sorter *sorter,
               const struct otelp_items *items); /* 0, -ENOMEM */
struct otel_resource *otelp_sorter_resource(const struct otelp_sorter *sorter,
                                            uint32_t owner);
void otelp_sorter_fini(struct otelp_sorter *sorter);

/* ---- otlp-encode.c, otlp-json.c: requests ---- */

enum {
	OTELP_MAX_RESPONSE = 4 * 1024 * 1024
}; /* after decompression; more is never read */
extern size_t
	otelp_otlp_max_request; /* 64 MiB before compression; more is never sent; tests make it small */

/*
 * Makes export requests, one after the other in one buffer that it keeps. Zeroed it is ready; one
 * thread at a time.
 */
struct otelp_encoder {
	uint8_t *bytes; /* what is written is bytes[pos..size); JSON: bytes[0..pos) */
	size_t size, pos;
	bool forward; /* it is JSON */
	int error;    /* of the request that is being made */
	struct otelp_sorter sorter;
};

/*
 * Makes the Export...ServiceRequest of n > 0 spans, metrics or log records, as protobuf or as JSON. 0,
 * -ENOMEM, or -EMSGSIZE past otelp_otlp_max_request.
 */
int otelp_encode(struct otelp_encoder *encoder, int signal,
                 const struct otelp_items *items);
int otelp_encode_json(struct otelp_encoder *encoder, int signal,
                      const struct otelp_items *items);
/* Puts bytes before a protobuf request: a gRPC frame's head. */
int otelp_encoder_prepend(struct otelp_encoder *encoder, const void *bytes, size_t len);
/* Borrows the request until the next call. */
const uint8_t *otelp_encoder_bytes(const struct otelp_encoder *encoder, size_t *len);
/* Gives memory back when a request was unusually large. */
void otelp_encoder_trim(struct otelp_encoder *encoder);
void otelp_encoder_fini(struct otelp_encoder *encoder);

/* ---- gzip.c ---- */

struct otelp_gzip; /* keeps its memory from one run to the next */

int otelp_gzip_new(struct otelp_gzip **out);
/* Writes `head` bytes of room, then gzip of bytes[0..len). *out is borrowed until the next run. 0, -ENOMEM, -EIO. */
int otelp_gzip_run(struct otelp_gzip *gzip, size_t head, const uint8_t *bytes, size_t len,
                   uint8_t **out, size_t *out_len);
void otelp_gzip_trim(struct otelp_gzip *gzip);
void otelp_gzip_free(struct otelp_gzip *gzip); /* NULL is fine */

/* ---- otlp-answer.c: what a receiver says ---- */

struct otelp_otlp_answer {
	uint64_t rejected;      /* of a partial success */
	char message[300];      /* printable ASCII; "" when there is none */
	int64_t retry_after_ms; /* -1: not said */
	const char *odd;        /* what was strange about it, a constant; NULL: nothing */
};

/* Reads an Export...ServiceResponse; false when it is none. Zero bytes are a plain success. */
bool otelp_otlp_answer_parse(int signal, bool json, const uint8_t *bytes, size_t len,
                             struct otelp_otlp_answer *answer);
/* Reads a google.rpc.Status: its message, unless there is one already, and its RetryInfo. */
void otelp_otlp_status_parse(const uint8_t *bytes, size_t len,
                             struct otelp_otlp_answer *answer);
void otelp_otlp_status_parse_json(const uint8_t *bytes, size_t len,
                                  struct otelp_otlp_answer *answer);
/* Copies strangers' text for a log: printable ASCII, cut to fit. */
void otelp_otlp_printable(char *out, size_t size, const char *text, size_t len);
/* Owned bytes; padding may be missing. NULL when it is not base64, or without memory. */
uint8_t *otelp_otlp_base64(const char *text, size_t *len);

/* ---- otlp-client.c ---- */

struct otelp_otlp_client;

int otelp_otlp_client_new(const struct otel_otlp_config *config, int signal,
                          struct otelp_otlp_client **out, struct otel_error *err);
/*
 * Posts a complete body (framed, compressed) until it is taken, refused or out of time; timeout_ms
 * INT_MAX is no limit. 0 and *answer, or a negative errno: -ETIMEDOUT, -ECANCELED, -EMSGSIZE (the
 * answer's), -EIO. One thread at a time. [exporter]
 */
int otelp_otlp_client_send(struct otelp_otlp_client *client, const void *body, size_t len,
                           int timeout_ms, struct otelp_otlp_answer *answer,
                           struct otel_error *err);
/* Ends the send that goes on, and all that follow, at once. [any] */
void otelp_otlp_client_interrupt(struct otelp_otlp_client *client);
/* From now on, and for a send that waits: where nobody listens, once is enough. [any] */
void otelp_otlp_client_finish(struct otelp_otlp_client *client);
uint64_t otelp_otlp_client_retries(const struct otelp_otlp_client *client); /* [any] */
const char *otelp_otlp_client_label(
	const struct otelp_otlp_client *client); /* borrowed, for messages */
void otelp_otlp_client_free(struct otelp_otlp_client *client); /* NULL is fine */

extern int
	otelp_otlp_backoff_ms; /* the first wait before trying again; tests make it short */

#endif
