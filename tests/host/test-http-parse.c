/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "http-cases.h"
#include "http-parse.h"

#define MAX_FIELDS 8

/* One request in memory of exactly its size, so that a sanitizer sees every byte too many. */
struct input {
	struct http_field fields[MAX_FIELDS];
	struct http_head head;
	struct http_refusal no;
	char *bytes;
	size_t len;
};

static void
input_init(struct input *in, const char *bytes, size_t len)
{
	memset(in, 0, sizeof *in);
	in->head.fields = in->fields;
	in->head.max_fields = MAX_FIELDS;
	in->head.max_head = 1024;
	in->head.max_target = 256;
	in->bytes = malloc(len ? len : 1);
	memcpy(in->bytes, bytes, len);
	in->len = len;
}

static void
input_fini(struct input *in)
{
	free(in->bytes);
}

/* The status that a head alone deserves: 200 when nothing is wrong with it. */
static int
head_status(struct input *in, size_t cut)
{
	struct http_head *head = &in->head;
	char *path;
	long r = 0;

	if (cut > 0)
		r = http_head_parse(head, in->bytes, cut, 0, &in->no);
	if (r == 0)
		r = http_head_parse(head, in->bytes, in->len, cut, &in->no);
	if (r < 0)
		return in->no.status;
	ck_assert_int_gt(r, 0);
	path = malloc(head->uri.path_len + 1);
	r = http_path_decode(path, head->uri.path, head->uri.path_len, &in->no);
	if (r >= 0 && head->uri.is_plain)
		ck_assert(strncmp(path, head->uri.path, head->uri.path_len) == 0);
	free(path);
	return r < 0 ? in->no.status : 200;
}

/*
 * What is wrong with the body only shows later; the cases say it with the first status all the
 * same.
 */
static bool
is_about_body(const struct http_case *c)
{
	return strstr(c->bytes, "chunked\r\n\r\n") && atoi(c->statuses) == 400;
}

START_TEST(head_is_judged_alike_however_it_is_cut)
{
	const struct http_case *c = &http_cases[_i];

	for (size_t cut = 0; cut < c->len; cut++) {
		struct input in;
		int status;

		input_init(&in, c->bytes, c->len);
		status = head_status(&in, cut);
		if (is_about_body(c) && status == 200)
			status = 400;
		ck_assert_msg(status == atoi(c->statuses), "%s, cut at %zu: %d (%s)",
		              c->name, cut, status, in.no.why ? in.no.why : "");
		input_fini(&in);
	}
}
END_TEST

START_TEST(head_is_taken_apart)
{
	static const char bytes[] =
		"\r\nPUT /a%20b/../c?x=1&y HTTP/1.1\r\nHost: h:1\r\nX-Y:  v w \r\n"
		"Content-Length: 12\r\nConnection: close\r\n\r\nrest";
	struct input in;
	char path[32];

	input_init(&in, bytes, sizeof bytes - 1);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, in.len, 0, &in.no),
	                 (long)sizeof bytes - 5);
	ck_assert_str_eq(in.head.method, "PUT");
	ck_assert_str_eq(in.head.target, "/a%20b/../c?x=1&y");
	ck_assert_str_eq(in.head.host, "h:1");
	ck_assert_int_eq(in.head.version, 11);
	ck_assert_uint_eq(in.head.n_fields, 4);
	ck_assert_str_eq(in.fields[1].name, "X-Y");
	ck_assert_str_eq(in.fields[1].value, "v w");
	ck_assert_int_eq(in.head.framing, HTTP_LENGTH);
	ck_assert_uint_eq(in.head.content_length, 12);
	ck_assert(!in.head.keep_alive);
	ck_assert(!in.head.uri.is_plain);
	ck_assert_uint_eq(in.head.uri.query_len, 5);
	ck_assert_int_eq(
		http_path_decode(path, in.head.uri.path, in.head.uri.path_len, &in.no),
		2);
	ck_assert_str_eq(path, "/c");
	input_fini(&in);
}
END_TEST

START_TEST(path_is_decoded_and_resolved)
{
	static const struct {
		const char *raw, *path;
	} cases[] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/", "/a/" },
		{ "/.", "/" },
		{ "/a/.", "/a/" },
		{ "/a/..", "/" },
		{ "/a/b/..", "/a/" },
		{ "/a/b/../", "/a/" },
		{ "/./a/./b", "/a/b" },
		{ "/a//b", "/a//b" },
		{ "/a//../b", "/a/b" },
		{ "/...", "/..." },
		{ "/.a/..b", "/.a/..b" },
		{ "/%61%2fb", "/a/b" },
		{ "/a+b", "/a+b" },
		{ "/%2525", "/%25" },
		{ "/a/%2e%2e/b", "/b" },
		{ "*", "*" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_refusal no;
		char path[32];
		long n = http_path_decode(path, cases[i].raw, strlen(cases[i].raw), &no);

		ck_assert_msg(n == (long)strlen(cases[i].path), "%s: %ld", cases[i].raw,
		              n);
		ck_assert_str_eq(path, cases[i].path);
	}
}
END_TEST

/* A head whose parts have these sizes. */
static int
sized_status(size_t target, size_t value, size_t fields, size_t *len)
{
	static char bytes[8192];
	struct input in;
	char *to = bytes;
	int status;

	to += sprintf(to, "GET /%0*d HTTP/1.1\r\nHost: a\r\n", (int)target - 1, 0);
	for (size_t i = 1; i < fields; i++)
		to += sprintf(to, "X: %.*s\r\n", i == 1 ? (int)value : 0,
		              (char[2048]){ [0 ... 2046] = 'v' });
	to += sprintf(to, "\r\n");
	*len = (size_t)(to - bytes);
	input_init(&in, bytes, *len);
	status = head_status(&in, *len - 1);
	input_fini(&in);
	return status;
}

START_TEST(limits_are_met_exactly)
{
	size_t len, rest;

	ck_assert_int_eq(sized_status(256, 1, 2, &len), 200);
	ck_assert_int_eq(sized_status(257, 1, 2, &len), 414);
	ck_assert_int_eq(sized_status(1, 1, MAX_FIELDS, &len), 200);
	ck_assert_int_eq(sized_status(1, 1, MAX_FIELDS + 1, &len), 431);
	ck_assert_int_eq(sized_status(1, 0, 2, &len), 200);
	rest = 1024 - len;
	ck_assert_int_eq(sized_status(1, rest, 2, &len), 200);
	ck_assert_uint_eq(len, 1024);
	ck_assert_int_eq(sized_status(1, rest + 1, 2, &len), 431);
}
END_TEST

START_TEST(endless_heads_are_refused_before_they_end)
{
	static char bytes[2048];
	struct input in;

	memset(bytes, 'a', sizeof bytes);
	input_init(&in, bytes, 1024);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, in.len, 0, &in.no),
	                 -EBADMSG);
	ck_assert_int_eq(in.no.status, 414);
	input_fini(&in);

	memcpy(bytes, "GET / HTTP/1.1\r\nX: ", 19);
	input_init(&in, bytes, 1024);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, 1023, 0, &in.no), 0);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, 1024, 1023, &in.no),
	                 -EBADMSG);
	ck_assert_int_eq(in.no.status, 431);
	input_fini(&in);

	memset(bytes, '\n', sizeof bytes);
	input_init(&in, bytes, 1024);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, in.len, 0, &in.no),
	                 -EBADMSG);
	ck_assert_int_eq(in.no.status, 400);
	input_fini(&in);
}
END_TEST

START_TEST(mistake_is_found_at_the_end_of_its_line)
{
	static const char bytes[] = "GET / HTTP/1.1\r\nHost : a\r\n";
	struct input in;

	input_init(&in, bytes, sizeof bytes - 1);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, in.len - 1, 0, &in.no), 0);
	ck_assert_int_eq(http_head_parse(&in.head, in.bytes, in.len, in.len - 1, &in.no),
	                 -EBADMSG);
	ck_assert_str_eq(in.no.why, "a header name is not followed by a colon at once");
	input_fini(&in);
}
END_TEST

/* Feeds in two pieces; the body that comes out, or "!" and what is wrong. */
static const char *
chunked_body(const char *bytes, size_t len, size_t cut)
{
	static char body[256];
	struct http_chunked chunked = { 0 };
	struct http_refusal no;
	const char *pos = bytes, *data;
	size_t n, to = 0;

	for (int piece = 0; piece < 2; piece++) {
		const char *end = bytes + (piece == 0 ? cut : len);
		int r;

		while ((r = http_chunked_next(&chunked, &pos, end, &data, &n, &no)) ==
		       HTTP_CHUNK_DATA) {
			memcpy(body + to, data, n);
			to += n;
		}
		if (r < 0)
			return no.why;
		if (r == HTTP_CHUNK_LAST) {
			body[to] = '\0';
			return body;
		}
		ck_assert_ptr_eq(pos, end);
	}
	return "more";
}

START_TEST(chunks_are_joined_however_they_are_cut)
{
	static const char bytes[] =
		"3\r\nabc\r\n0000D;x=\"y\"\r\nd\r\nefghijklmn\r\n0\r\n";

	for (size_t cut = 0; cut < sizeof bytes; cut++)
		ck_assert_str_eq(chunked_body(bytes, sizeof bytes - 1, cut),
		                 "abcd\r\nefghijklmn");
	ck_assert_str_eq(chunked_body(bytes, sizeof bytes - 2, 0), "more");
}
END_TEST

START_TEST(chunk_line_has_a_bound)
{
	static char bytes[2048] = "1;";

	memset(bytes + 2, 'a', sizeof bytes - 2);
	ck_assert_str_eq(chunked_body(bytes, 1024, 0), "more");
	ck_assert_str_eq(chunked_body(bytes, 1025, 0), "the line of a chunk is too long");
}
END_TEST

START_TEST(trailers_are_all_there_or_not_at_all)
{
	static const char bytes[] = "A: 1\r\nB:\t2 \r\n\r\nrest";
	struct http_field fields[2];
	struct http_refusal no;
	char copy[sizeof bytes];

	for (size_t len = 0; len <= sizeof bytes - 1; len++) {
		size_t n = 2;
		long r;

		memcpy(copy, bytes, sizeof bytes);
		r = http_trailers_parse(copy, len, 64, fields, &n, &no);
		ck_assert_int_eq(r, len < sizeof bytes - 5 ? 0 : (long)sizeof bytes - 5);
		if (r == 0) {
			ck_assert_mem_eq(copy, bytes, sizeof bytes);
			continue;
		}
		ck_assert_uint_eq(n, 2);
		ck_assert_str_eq(fields[1].name, "B");
		ck_assert_str_eq(fields[1].value, "2");
	}
}
END_TEST

START_TEST(trailers_have_bounds)
{
	struct http_field fields[2];
	struct http_refusal no;
	char lines[] = "A: 1\r\nB: 2\r\n\r\n";
	size_t n = 1;

	ck_assert_int_eq(
		http_trailers_parse(lines, sizeof lines - 1, 64, fields, &n, &no),
		-EBADMSG);
	ck_assert_int_eq(no.status, 431);
	n = 2;
	ck_assert_int_eq(
		http_trailers_parse(lines, sizeof lines - 1, 13, fields, &n, &no),
		-EBADMSG);
	ck_assert_int_eq(
		http_trailers_parse(lines, sizeof lines - 1, 14, fields, &n, &no), 14);
}
END_TEST

START_TEST(fields_are_checked_before_they_are_sent)
{
	static const struct {
		struct http_field field;
		bool is_valid;
	} cases[] = {
		{ { "X", "y" }, true },           { { "X", "" }, true },
		{ { "X", "a b\tc \xc3" }, true }, { { "", "y" }, false },
		{ { "X Y", "y" }, false },        { { "X:", "y" }, false },
		{ { "X", "a\r\nY: b" }, false },  { { "X", "a\nb" }, false },
		{ { "X\r\nY", "a" }, false },     { { "X", " a" }, false },
		{ { "X", "a " }, false },         { { "X", "\x1b[0m" }, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_int_eq(http_field_is_valid(&cases[i].field), cases[i].is_valid);
}
END_TEST

START_TEST(lists_are_searched_by_whole_tokens)
{
	ck_assert(http_list_has("close", "close"));
	ck_assert(http_list_has("keep-alive ,\tClose ", "close"));
	ck_assert(!http_list_has("closed, xclose, clos", "close"));
	ck_assert(!http_list_has("", "close"));
	ck_assert(!http_list_has(",,", "close"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http-parse");
	TCase *head = tcase_create("head"), *chunked = tcase_create("chunked"),
	      *field = tcase_create("field");

	tcase_add_loop_test(head, head_is_judged_alike_however_it_is_cut, 0,
	                    (int)N_HTTP_CASES);
	tcase_add_test(head, head_is_taken_apart);
	tcase_add_test(head, path_is_decoded_and_resolved);
	tcase_add_test(head, limits_are_met_exactly);
	tcase_add_test(head, endless_heads_are_refused_before_they_end);
	tcase_add_test(head, mistake_is_found_at_the_end_of_its_line);
	suite_add_tcase(suite, head);
	tcase_add_test(chunked, chunks_are_joined_however_they_are_cut);
	tcase_add_test(chunked, chunk_line_has_a_bound);
	tcase_add_test(chunked, trailers_are_all_there_or_not_at_all);
	tcase_add_test(chunked, trailers_have_bounds);
	suite_add_tcase(suite, chunked);
	tcase_add_test(field, fields_are_checked_before_they_are_sent);
	tcase_add_test(field, lists_are_searched_by_whole_tokens);
	suite_add_tcase(suite, field);
	return check_main(suite);
}
