/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/buf.h - a buffer of bytes that grows; JSON is written into one.
 *
 * A failed allocation is remembered in `failed` and later calls do nothing, so that a writer checks once,
 * at its end.
 */
#ifndef STATION_BUF_H
#define STATION_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct buf {
	char *data; /* NUL-terminated once something was written */
	size_t len, size;
	bool failed;
};

void buf_fini(struct buf *buf);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) OTEL_PRINTF(2, 3);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_json_string(struct buf *buf, const char *text, size_t len);
void buf_hex(struct buf *buf, const uint8_t *bytes, size_t len);
void buf_base64(struct buf *buf, const uint8_t *bytes, size_t len);

#endif
