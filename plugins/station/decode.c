/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <zlib.h>

#include "otlp-guard.h"
#include "otlp-json.h"

#define MAX_INFLATED ((size_t)64 << 20)

static int
inflate_body(struct decode_job *job)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)job->body,
		       .avail_in = (uInt)job->len };
	size_t size = job->len * 4 + 1024;
	char *out = NULL;
	int r;

	if (inflateInit2(&z, 15 + 32) != Z_OK) /* gzip or zlib, told by the header */
		return otel_error_set(&job->err, -ENOMEM, "out of memory");
	do {
		char *more;

		if (out)
			size *= 2;
		if (size > MAX_INFLATED + 1)
			size = MAX_INFLATED + 1;
		more = realloc(out, size);
		if (!more) {
			r = otel_error_set(&job->err, -ENOMEM, "out of memory");
			goto out;
		}
		out = more;
		z.next_out = (Bytef *)out + z.total_out;
		z.avail_out = (uInt)(size - z.total_out);
		r = inflate(&z, Z_NO_FLUSH);
	} while (r == Z_OK && z.avail_out == 0 && size <= MAX_INFLATED);
	if (r == Z_MEM_ERROR)
		r = otel_error_set(&job->err, -ENOMEM, "out of memory");
	else if (z.total_out > MAX_INFLATED)
		r = otel_error_set(&job->err, -EMSGSIZE,
		                   "more than %zu MiB once decompressed",
		                   MAX_INFLATED >> 20);
	else if (r != Z_STREAM_END)
		r = otel_error_set(&job->err, -EINVAL,
		                   "Content-Encoding says gzip, and the body is not (%s)",
		                   z.msg ? z.msg : "cut off");
	else if (z.avail_in)
		r = otel_error_set(&job->err, -EINVAL,
		                   "%u bytes follow the end of the gzip body",
		                   z.avail_in);
	else
		r = 0;
	job->body = job->inflated = out;
	job->len = z.total_out;
	out = NULL;
out:
	inflateEnd(&z);
	free(out);
	return r;
}

static int
decode_json(struct decode_job *job)
{
	json_error_t error;
	json_t *json;
	int r = otlp_guard_json(job->body, job->len, &job->err);

	if (r < 0)
		return r;
	json = json_loadb(job->body, job->len, 0, &error);
	if (!json)
		return otel_error_set(&job->err, -EINVAL,
		                      "not JSON: line %d, column %d: %s", error.line,
		                      error.column, error.text);
	r = otlp_json_read(job->descriptor, json, &job->message, &job->err);
	json_decref(json);
	return r;
}

static int
decode_protobuf(struct decode_job *job)
{
	int r = otlp_guard_protobuf(job->descriptor, job->body, job->len, &job->err);

	if (r < 0)
		return r;
	job->message = protobuf_c_message_unpack(job->descriptor, NULL, job->len,
	                                         job->body);
	if (!job->message)
		return otel_error_set(&job->err, -EINVAL, "the body is no %s of protobuf",
		                      job->descriptor->short_name);
	return 0;
}

void
decode_run(void *arg)
{
	struct decode_job *job = arg;

	job->result = job->gzip ? inflate_body(job) : 0;
	if (job->result == 0)
		job->result = job->json ? decode_json(job) : decode_protobuf(job);
}

void
decode_fini(void *arg)
{
	struct decode_job *job = arg;

	free(job->inflated);
	if (job->message)
		protobuf_c_message_free_unpacked(job->message, NULL);
}
