/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/prometheus_priv.h - text for Prometheus: a buffer, names, values.
 *
 * A buffer that could not grow stays as it is and says so at the end, so that nobody need ask after
 * each piece.
 */
#ifndef OTEL_PROMETHEUS_PRIV_H
#define OTEL_PROMETHEUS_PRIV_H

#include <otel/sdk.h>

struct otelp_text_buf {
	char *bytes; /* not NUL-terminated */
	size_t len, size;
	bool failed; /* no memory */
};

void otelp_text_add(struct otelp_text_buf *buf, const char *bytes, size_t len);
void otelp_text_puts(struct otelp_text_buf *buf, const char *text);
void otelp_text_putc(struct otelp_text_buf *buf, char c);
void otelp_text_int(struct otelp_text_buf *buf, int64_t value);
void otelp_text_unsigned(struct otelp_text_buf *buf, uint64_t value);
/* The shortest that reads back the same, whatever the locale; `point`: 5 is written 5.0. */
void otelp_text_double(struct otelp_text_buf *buf, double value, bool point);
/* As it may stand between quotes: \ " and line ends escaped, what is no UTF-8 replaced by U+FFFD. */
void otelp_text_escaped(struct otelp_text_buf *buf, const char *text, size_t len,
                        bool quotes);
/* An attribute's value as label text: strings as they are, arrays and maps as JSON. */
void otelp_text_value(struct otelp_text_buf *buf, const struct otel_value *value);
void otelp_text_free(struct otelp_text_buf *buf);

/* Letters, digits and single underscores; colons in names of metrics only. */
void otelp_prometheus_key(struct otelp_text_buf *buf, const char *key);
/* The unit as words, "By/s" is bytes_per_second; nothing for annotations and "1". */
void otelp_prometheus_unit(struct otelp_text_buf *buf, const char *unit, bool is_gauge);
/* Name, unit; *family_len is the length without _total. */
void otelp_prometheus_name(struct otelp_text_buf *buf, const char *name, const char *unit,
                           bool is_counter, bool is_gauge, bool total,
                           size_t *family_len);

#endif
