/* SPDX-License-Identifier: Apache-2.0 */
/* gzip at the fastest level: most of what it saves, for a third of the time. */
#include <errno.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"

struct otelp_gzip {
	z_stream stream;
	uint8_t *bytes;
	size_t size;
};

static void *
allocate(void *opaque, unsigned n, unsigned size)
{
	return otelp_calloc(n, size);
}

static void
release(void *opaque, void *ptr)
{
	otelp_free(ptr);
}

int
otelp_gzip_new(struct otelp_gzip **out)
{
	struct otelp_gzip *gzip = otelp_calloc(1, sizeof *gzip);

	if (!gzip)
		return -ENOMEM;
	gzip->stream.zalloc = allocate;
	gzip->stream.zfree = release;
	if (deflateInit2(&gzip->stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8,
	                 Z_DEFAULT_STRATEGY) != Z_OK) {
		otelp_free(gzip);
		return -ENOMEM;
	}
	*out = gzip;
	return 0;
}

int
otelp_gzip_run(struct otelp_gzip *gzip, size_t head, const uint8_t *bytes, size_t len,
               uint8_t **out, size_t *out_len)
{
	size_t bound = head + deflateBound(&gzip->stream, len);

	if (gzip->size < bound) {
		otelp_free(gzip->bytes);
		gzip->size = 0;
		gzip->bytes = otelp_malloc(bound);
		if (!gzip->bytes)
			return -ENOMEM;
		gzip->size = bound;
	}
	deflateReset(&gzip->stream);
	gzip->stream.next_in = bytes;
	gzip->stream.avail_in = (unsigned)len;
	gzip->stream.next_out = gzip->bytes + head;
	gzip->stream.avail_out = (unsigned)(gzip->size - head);
	if (deflate(&gzip->stream, Z_FINISH) != Z_STREAM_END)
		return -EIO;
	*out = gzip->bytes;
	*out_len = head + gzip->stream.total_out;
	return 0;
}

void
otelp_gzip_trim(struct otelp_gzip *gzip)
{
	if (gzip->size <= 1024 * 1024)
		return;
	otelp_free(gzip->bytes);
	gzip->bytes = NULL;
	gzip->size = 0;
}

void
otelp_gzip_free(struct otelp_gzip *gzip)
{
	if (!gzip)
		return;
	deflateEnd(&gzip->stream);
	otelp_free(gzip->bytes);
	otelp_free(gzip);
}
