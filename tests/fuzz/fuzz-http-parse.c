/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, whole and cut in two where the first byte says: both ways must end alike, and what is
 * accepted must be what it claims to be.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "http-parse.h"

#define MAX_FIELDS 16

struct outcome {
	long taken;
	int status;
	unsigned n_fields;
	uint64_t body;
	int end;
};

static void
check_head(const struct http_head *head)
{
	struct http_refusal no;
	char *path = malloc(head->uri.path_len + 1);
	long n = http_path_decode(path, head->uri.path, head->uri.path_len, &no);

	FUZZ_CHECK(strlen(head->method) > 0 && strlen(head->target) <= head->max_target);
	FUZZ_CHECK(head->version == 10 || head->host);
	if (n >= 0 && *path == '/') {
		FUZZ_CHECK((size_t)n <= head->uri.path_len && strlen(path) == (size_t)n);
		FUZZ_CHECK(!strstr(path, "/../") && !strstr(path, "/./"));
		FUZZ_CHECK(!head->uri.is_plain ||
		           memcmp(path, head->uri.path, (size_t)n) == 0);
	}
	free(path);
	for (size_t i = 0; i < head->n_fields; i++)
		FUZZ_CHECK(http_field_is_valid(&head->fields[i]));
}

/* The body's bytes are summed up, so that two ways can be compared. */
static void
parse_chunks(struct outcome *out, const char *bytes, size_t len, size_t cut)
{
	struct http_chunked chunked = { 0 };
	const char *pos = bytes;
	struct http_refusal no;

	for (int part = 0; part < 2; part++) {
		const char *end = part == 0 ? bytes + cut : bytes + len, *piece;
		size_t n;

		while ((out->end = http_chunked_next(&chunked, &pos, end, &piece, &n,
		                                     &no)) == HTTP_CHUNK_DATA)
			for (size_t i = 0; i < n; i++)
				out->body = out->body * 31 + (unsigned char)piece[i] + 1;
		if (out->end != HTTP_CHUNK_MORE)
			break;
		FUZZ_CHECK(pos == end);
	}
	if (out->end == HTTP_CHUNK_LAST) {
		struct http_field fields[4];
		size_t rest = (size_t)(bytes + len - pos), n = 4;
		char *copy = malloc(rest ? rest : 1);

		memcpy(copy, pos, rest);
		if (http_trailers_parse(copy, rest, 512, fields, &n, &no) > 0)
			for (size_t i = 0; i < n; i++)
				FUZZ_CHECK(http_field_is_valid(&fields[i]));
		free(copy);
	}
}

static struct outcome
parse(const uint8_t *data, size_t len, size_t cut)
{
	struct http_field fields[MAX_FIELDS];
	struct http_head head = { .fields = fields,
		                  .max_fields = MAX_FIELDS,
		                  .max_head = 2048,
		                  .max_target = 512 };
	struct http_refusal no = { 0 };
	struct outcome out = { 0 };
	char *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	if (cut > 0)
		out.taken = http_head_parse(&head, copy, cut, 0, &no);
	if (out.taken == 0)
		out.taken = http_head_parse(&head, copy, len, cut, &no);
	out.status = no.status;
	if (out.taken > 0) {
		size_t rest = len - (size_t)out.taken;

		out.n_fields = (unsigned)head.n_fields;
		check_head(&head);
		if (head.framing == HTTP_CHUNKED)
			parse_chunks(&out, copy + out.taken, rest,
			             cut < rest ? cut : rest);
	}
	free(copy);
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct outcome whole, cut;

	if (len == 0)
		return 0;
	whole = parse(data + 1, len - 1, 0);
	cut = parse(data + 1, len - 1, data[0] < len ? data[0] % len : len - 1);
	/* A mistake may be found before a limit that lies behind it, so statuses may differ. */
	FUZZ_CHECK((whole.taken > 0) == (cut.taken > 0) &&
	           (whole.taken < 0) == (cut.taken < 0));
	if (whole.taken > 0)
		FUZZ_CHECK(whole.taken == cut.taken && whole.n_fields == cut.n_fields &&
		           whole.body == cut.body && whole.end == cut.end);
	return 0;
}
