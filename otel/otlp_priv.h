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

#endif
