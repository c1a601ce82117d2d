/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head is parsed in one go when it is complete, which makes it irrelevant how it was cut into
 * packets. While it is not, each new line end lets the same code run without writing, so that
 * nonsense is refused at once and not at the deadline; max_fields bounds how often.
 */
#include "http-parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define MAX_METHOD 32

int
http_refuse(struct http_refusal *no, int status, const char *why)
{
	no->status = status;
	no->why = why;
	return -EBADMSG;
}

int
http_number_parse(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return -EBADMSG;
	}
	if (n > INT64_MAX) /* so that it fits every signed size as well */
		return -EBADMSG;
	*out = n;
	return 0;
}

/* ---- lines ---- */

struct lines {
	char *pos, *end;
	bool writes;    /* make NULs; false while the head is not complete */
	bool strict_lf; /* a bare LF ends no line */
};

/* The next line without its end. 1, 0 when it is not complete, or -EBADMSG. */
static int
lines_next(struct lines *lines, char **line, size_t *len, struct http_refusal *no)
{
	char *lf = memchr(lines->pos, '\n', (size_t)(lines->end - lines->pos));

	if (!lf)
		return 0;
	*line = lines->pos;
	*len = (size_t)(lf - lines->pos);
	lines->pos = lf + 1;
	if (*len > 0 && lf[-1] == '\r')
		--*len;
	else if (lines->strict_lf)
		return http_refuse(no, 400, "a line ends with LF alone");
	return 1;
}

static int
field_parse(struct http_field *field, char *line, size_t len, bool writes,
            size_t *value_len, struct http_refusal *no)
{
	size_t name = http_span(line, len, HTTP_TOKEN), end = len, start;

	if (*line == ' ' || *line == '\t')
		return http_refuse(no, 400, "folded header lines are not accepted");
	if (name == 0)
		return http_refuse(no, 400, "a header line has no name");
	if (name == len || line[name] != ':')
		return http_refuse(no, 400,
		                   "a header name is not followed by a colon at once");
	start = name + 1;
	while (start < end && (line[start] == ' ' || line[start] == '\t'))
		start++;
	while (end > start && (line[end - 1] == ' ' || line[end - 1] == '\t'))
		end--;
	if (http_span(line + start, end - start, HTTP_VALUE) != end - start)
		return http_refuse(no, 400, "a header value has a control character");
	if (writes)
		line[name] = line[end] = '\0';
	field->name = line;
	field->value = line + start;
	*value_len = end - start;
	return (int)name;
}

/* ---- heads ---- */

/* What the fields say, gathered while they pass. */
struct facts {
	unsigned hosts, lengths, encodings;
	bool close, keep_alive;
};

static int
encoding_apply(struct http_head *head, const char *value, size_t len,
               struct http_refusal *no)
{
	if (!http_is_named(value, len, "chunked"))
		return http_refuse(no, 501,
		                   "the only Transfer-Encoding known here is chunked");
	head->framing = HTTP_CHUNKED;
	return 0;
}

static void
connection_apply(struct facts *facts, const char *value, size_t len)
{
	const char *end = value + len;

	while (value < end) {
		const char *comma = memchr(value, ',', (size_t)(end - value));
		const char *stop = comma ? comma : end, *next = comma ? comma + 1 : end;

		while (value < stop && (*value == ' ' || *value == '\t'))
			value++;
		while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
			stop--;
		facts->close |= http_is_named(value, (size_t)(stop - value), "close");
		facts->keep_alive |= http_is_named(value, (size_t)(stop - value),
		                                   "keep-alive");
		value = next;
	}
}

/* Looks at the lines that frame the message. 0 or -EBADMSG. */
static int
field_apply(struct http_head *head, struct facts *facts, const char *name,
            size_t name_len, const char *value, size_t len, struct http_refusal *no)
{
	switch (name_len) {
	case 4:
		if (!http_is_named(name, name_len, "Host"))
			break;
		if (facts->hosts++ > 0)
			return http_refuse(no, 400, "there is more than one Host line");
		if (!http_authority_is_valid(value, len))
			return http_refuse(no, 400, "the Host line is not a valid host");
		head->host = value;
		break;
	case 6:
		if (!http_is_named(name, name_len, "Expect"))
			break;
		if (!http_is_named(value, len, "100-continue"))
			return http_refuse(
				no, 417,
				"the only expectation known here is 100-continue");
		head->expects_continue = true;
		break;
	case 10:
		if (http_is_named(name, name_len, "Connection"))
			connection_apply(facts, value, len);
		break;
	case 14:
		if (!http_is_named(name, name_len, "Content-Length"))
			break;
		if (facts->lengths++ > 0)
			return http_refuse(no, 400,
			                   "there is more than one Content-Length");
		if (http_number_parse(value, len, &head->content_length) < 0)
			return http_refuse(no, 400, "the Content-Length is not a number");
		head->framing = HTTP_LENGTH;
		break;
	case 17:
		if (!http_is_named(name, name_len, "Transfer-Encoding"))
			break;
		if (facts->encodings++ > 0)
			return http_refuse(no, 400,
			                   "there is more than one Transfer-Encoding");
		return encoding_apply(head, value, len, no);
	default:
		break;
	}
	return 0;
}

/* What can only be judged when all lines are there. */
static int
facts_judge(struct http_head *head, const struct facts *facts, struct http_refusal *no)
{
	if (facts->lengths && facts->encodings)
		return http_refuse(
			no, 400,
			"Content-Length and Transfer-Encoding exclude each other");
	if (facts->encodings && head->version < 11)
		return http_refuse(no, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (facts->hosts == 0 && head->version >= 11)
		return http_refuse(no, 400, "the Host line is missing");
	if (head->framing == HTTP_LENGTH && head->content_length == 0)
		head->framing = HTTP_NO_BODY;
	if (head->framing == HTTP_NO_BODY || head->version < 11)
		head->expects_continue = false;
	head->keep_alive = !facts->close && (head->version >= 11 || facts->keep_alive);
	return 0;
}

static int
version_parse(struct http_head *head, const char *text, size_t len,
              struct http_refusal *no)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || text[5] < '0' || text[5] > '9' ||
	    text[6] != '.' || text[7] < '0' || text[7] > '9')
		return http_refuse(no, 400,
		                   "the request line does not end with an HTTP version");
	head->version = (text[5] - '0') * 10 + (text[7] - '0');
	if (head->version != 10 && head->version != 11)
		return http_refuse(no, 505, "the HTTP version is neither 1.0 nor 1.1");
	return 0;
}

static int
request_line_parse(struct http_head *head, char *line, size_t len, bool writes,
                   struct http_refusal *no)
{
	size_t method = http_span(line, len, HTTP_TOKEN), target;
	char name[MAX_METHOD + 1];
	char *rest;
	int r;

	if (method == 0 || method == len || line[method] != ' ')
		return http_refuse(
			no, 400,
			"the request line does not begin with a method and a space");
	if (method > MAX_METHOD)
		return http_refuse(no, 400, "the method is too long");
	memcpy(name, line, method);
	name[method] = '\0';
	rest = line + method + 1;
	len -= method + 1;
	target = http_span(rest, len, HTTP_TARGET);
	if (target > head->max_target)
		return http_refuse(no, 414, "the request target is too long");
	if (target == 0 || target == len || rest[target] != ' ')
		return http_refuse(
			no, 400,
			"the request line is not a method, a target and a version");
	r = version_parse(head, rest + target + 1, len - target - 1, no);
	if (r == 0)
		r = http_target_parse(&head->uri, name, rest, target, no);
	if (r < 0)
		return r;
	if (writes)
		line[method] = rest[target] = '\0';
	head->method = line;
	head->target = rest;
	return 0;
}

/* All lines, as far as they are there. 1 at the empty line, 0 before it. */
static int
head_lines_parse(struct http_head *head, struct lines *lines, struct http_refusal *no)
{
	struct facts facts = { 0 };
	size_t len, value_len;
	char *line;
	int r;

	head->n_fields = 0;
	head->host = NULL;
	head->content_length = 0;
	head->framing = HTTP_NO_BODY;
	head->expects_continue = false;
	r = lines_next(lines, &line, &len, no);
	if (r > 0)
		r = request_line_parse(head, line, len, lines->writes, no) ?: 1;
	while (r > 0 && (r = lines_next(lines, &line, &len, no)) > 0) {
		struct http_field *field = &head->fields[head->n_fields];

		if (len == 0)
			return facts_judge(head, &facts, no) ?: 1;
		if (head->n_fields == head->max_fields)
			return http_refuse(no, 431, "there are too many header lines");
		r = field_parse(field, line, len, lines->writes, &value_len, no);
		if (r < 0)
			return r;
		head->n_fields++;
		r = field_apply(head, &facts, line, (size_t)r, field->value, value_len,
		                no)
		            ?: 1;
	}
	return r;
}

/* Where the empty line ends, or NULL; *has_line: a line ends among the new bytes. */
static char *
head_find_end(char *from, char *end, bool *has_line)
{
	char *lf = from;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf)))) {
		*has_line = true;
		lf++;
		if (lf < end && *lf == '\n')
			return lf + 1;
		if (end - lf >= 2 && lf[0] == '\r' && lf[1] == '\n')
			return lf + 2;
	}
	return NULL;
}

static long
head_parse_partial(struct http_head *head, char *start, char *end, bool has_line,
                   struct http_refusal *no)
{
	struct lines lines = { .pos = start, .end = end };
	size_t len = (size_t)(end - start);

	if (!http_byte_is(*start, HTTP_TOKEN))
		return http_refuse(no, 400,
		                   *start == 0x16
		                           ? "this port speaks HTTP without TLS"
		                           : "the request does not begin with a method");
	if (has_line) {
		int r = head_lines_parse(head, &lines, no);

		if (r < 0)
			return r;
	}
	if (len > head->max_target + MAX_METHOD && !memchr(start, '\n', len))
		return http_refuse(no, 414, "the request target is too long");
	if (len >= head->max_head)
		return http_refuse(no, 431, "the head of the request is too long");
	return 0;
}

long
http_head_parse(struct http_head *head, char *buf, size_t len, size_t seen,
                struct http_refusal *no)
{
	char *start = buf, *end = buf + len, *from, *stop;
	bool has_line = false;
	int r;

	/* RFC 9112 section 2.2: empty lines before a request are skipped. */
	while (start < end && (*start == '\r' || *start == '\n'))
		start++;
	if (start == end)
		return len < head->max_head ? 0
		                            : http_refuse(no, 400, "there is no request");
	from = seen > (size_t)(start - buf) + 2 ? buf + seen - 2 : start;
	stop = head_find_end(from, end, &has_line);
	if (!stop)
		return head_parse_partial(head, start, end, has_line, no);
	r = head_lines_parse(
		head, &(struct lines){ .pos = start, .end = stop, .writes = true }, no);
	if (r < 0)
		return r;
	if ((size_t)(stop - start) > head->max_head)
		return http_refuse(no, 431, "the head of the request is too long");
	return (long)(stop - buf);
}

/* ---- trailers ---- */

static bool
trailer_is_forbidden(const char *name)
{
	/* RFC 9110 section 6.5.1: what frames or routes comes in the head. */
	static const char *const names[] = { "Content-Length", "Transfer-Encoding",
		                             "Host" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

long
http_trailers_parse(char *buf, size_t len, size_t max_len, struct http_field *fields,
                    size_t *n, struct http_refusal *no)
{
	struct lines lines = { .pos = buf, .end = buf + len, .strict_lf = true };
	size_t n_fields = 0, line_len, value_len;
	char *line;
	int r;

	/* Once to see that all is there and right, once to make the NULs. */
	for (;;) {
		r = lines_next(&lines, &line, &line_len, no);
		if (r < 0)
			return r;
		if (r == 0)
			return len < max_len ? 0
			                     : http_refuse(no, 431,
			                                   "the trailers are too long");
		if (line_len == 0) {
			if ((size_t)(lines.pos - buf) > max_len)
				return http_refuse(no, 431, "the trailers are too long");
			if (lines.writes)
				break;
			lines.pos = buf;
			lines.writes = true;
			n_fields = 0;
			continue;
		}
		if (n_fields == *n)
			return http_refuse(no, 431, "there are too many trailer lines");
		r = field_parse(&fields[n_fields], line, line_len, lines.writes,
		                &value_len, no);
		if (r < 0)
			return r;
		if (lines.writes && trailer_is_forbidden(fields[n_fields].name))
			return http_refuse(
				no, 400,
				"a trailer line has a name that only heads may have");
		n_fields++;
	}
	*n = n_fields;
	return (long)(lines.pos - buf);
}
