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

#define MAX_METHOD     32
#define MAX_CHUNK_LINE 1024 /* a size with its extensions, which nobody uses */

static int
refuse(struct http_refusal *no, int status, const char *why)
{
	no->status = status;
	no->why = why;
	return -EBADMSG;
}

static bool
is_named(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(text, name, len) == 0;
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

bool
http_authority_is_valid(const char *text, size_t len)
{
	const char *end = text + len, *port = NULL;

	if (len == 0 || http_span(text, len, HTTP_HOST) != len)
		return false;
	if (*text == '[') {
		const char *close = memchr(text, ']', len);

		if (!close || close == text + 1)
			return false;
		for (const char *p = text + 1; p < close; p++)
			if (!strchr("0123456789abcdefABCDEF:.", *p))
				return false;
		if (close + 1 < end && close[1] != ':')
			return false;
		port = close + 1 < end ? close + 2 : end;
	} else {
		const char *colon = memchr(text, ':', len);

		if (colon == text || memchr(text, '[', len) || memchr(text, ']', len))
			return false;
		port = colon ? colon + 1 : end;
	}
	for (; port < end; port++)
		if (*port < '0' || *port > '9')
			return false;
	return true;
}

/* ---- targets ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Splits at the query and sees whether the path is what it looks like. */
static void
target_split(struct http_target *uri, const char *path, size_t len)
{
	const char *mark = memchr(path, '?', len);

	uri->path = path;
	uri->path_len = mark ? (size_t)(mark - path) : len;
	uri->query = mark ? mark + 1 : path + len;
	uri->query_len = mark ? len - uri->path_len - 1 : 0;
	uri->is_plain = !memchr(path, '%', uri->path_len);
	for (size_t i = 1; i < uri->path_len && uri->is_plain; i++)
		uri->is_plain = path[i] != '.' || path[i - 1] != '/';
}

/* "http://host/path": RFC 9112 section 3.2.2 has servers accept it. */
static int
target_parse_absolute(struct http_target *uri, const char *method, const char *target,
                      size_t len, struct http_refusal *no)
{
	const char *end = target + len, *colon = memchr(target, ':', len), *path;
	size_t scheme = colon ? (size_t)(colon - target) : 0;

	if (!(is_named(target, scheme, "http") || is_named(target, scheme, "https")) ||
	    len - scheme < 3 || memcmp(colon, "://", 3) != 0)
		return refuse(no, 400,
		              "the request target is neither a path nor an http URL");
	uri->authority = colon + 3;
	for (path = uri->authority; path < end && *path != '/' && *path != '?';)
		path++;
	uri->authority_len = (size_t)(path - uri->authority);
	if (!http_authority_is_valid(uri->authority, uri->authority_len))
		return refuse(no, 400, "the host in the request target is not valid");
	target_split(uri, path, (size_t)(end - path));
	if (uri->path_len == 0) { /* "/" is meant, or "*" by section 3.2.4 */
		uri->path = strcmp(method, "OPTIONS") == 0 && uri->query_len == 0 ? "*"
		                                                                  : "/";
		uri->path_len = 1;
	}
	return 0;
}

int
http_target_parse(struct http_target *uri, const char *method, const char *target,
                  size_t len, struct http_refusal *no)
{
	*uri = (struct http_target){ 0 };
	if (http_span(target, len, HTTP_TARGET) != len)
		return refuse(no, 400,
		              "the request target has a character that it may not have");
	if (strcmp(method, "CONNECT") == 0)
		return refuse(no, 501, "CONNECT is not served here");
	if (len == 1 && *target == '*') {
		if (strcmp(method, "OPTIONS") != 0)
			return refuse(no, 400, "only OPTIONS may have * as its target");
		target_split(uri, target, len);
		return 0;
	}
	if (len == 0 || *target != '/')
		return target_parse_absolute(uri, method, target, len, no);
	target_split(uri, target, len);
	return 0;
}

/* Removes "." and ".." in place. The length, or -1 when it leads above the root. */
static long
path_resolve(char *path, size_t len)
{
	size_t to = 0;

	for (size_t from = 0, end; from < len; from = end) {
		const char *next = memchr(path + from + 1, '/', len - from - 1);
		size_t n;

		end = next ? (size_t)(next - path) : len;
		n = end - from - 1;
		if (n == 2 && path[from + 1] == '.' && path[from + 2] == '.') {
			if (to == 0)
				return -1;
			while (path[--to] != '/')
				;
		} else if (n != 1 || path[from + 1] != '.') {
			memmove(path + to, path + from, n + 1);
			to += n + 1;
			continue;
		}
		if (end == len)
			path[to++] = '/';
	}
	return (long)to;
}

long
http_path_decode(char *out, const char *path, size_t len, struct http_refusal *no)
{
	size_t n = 0;
	long r;

	for (size_t i = 0; i < len; i++) {
		char c = path[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(path[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(path[i + 2]) : -1;

			if (high < 0 || low < 0)
				return refuse(
					no, 400,
					"a % in the path is not followed by two hex digits");
			c = (char)(high << 4 | low);
			if (c == '\0')
				return refuse(no, 400, "%00 may not be in a path");
			i += 2;
		}
		out[n++] = c;
	}
	if (n > 0 && out[0] == '/') {
		r = path_resolve(out, n);
		if (r < 0)
			return refuse(no, 400, "the path leads above the root");
		n = (size_t)r;
	}
	out[n] = '\0';
	return (long)n;
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
		return refuse(no, 400, "a line ends with LF alone");
	return 1;
}

static int
field_parse(struct http_field *field, char *line, size_t len, bool writes,
            size_t *value_len, struct http_refusal *no)
{
	size_t name = http_span(line, len, HTTP_TOKEN), end = len, start;

	if (*line == ' ' || *line == '\t')
		return refuse(no, 400, "folded header lines are not accepted");
	if (name == 0)
		return refuse(no, 400, "a header line has no name");
	if (name == len || line[name] != ':')
		return refuse(no, 400,
		              "a header name is not followed by a colon at once");
	start = name + 1;
	while (start < end && (line[start] == ' ' || line[start] == '\t'))
		start++;
	while (end > start && (line[end - 1] == ' ' || line[end - 1] == '\t'))
		end--;
	if (http_span(line + start, end - start, HTTP_VALUE) != end - start)
		return refuse(no, 400, "a header value has a control character");
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
	if (!is_named(value, len, "chunked"))
		return refuse(no, 501,
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
		facts->close |= is_named(value, (size_t)(stop - value), "close");
		facts->keep_alive |= is_named(value, (size_t)(stop - value),
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
		if (!is_named(name, name_len, "Host"))
			break;
		if (facts->hosts++ > 0)
			return refuse(no, 400, "there is more than one Host line");
		if (!http_authority_is_valid(value, len))
			return refuse(no, 400, "the Host line is not a valid host");
		head->host = value;
		break;
	case 6:
		if (!is_named(name, name_len, "Expect"))
			break;
		if (!is_named(value, len, "100-continue"))
			return refuse(no, 417,
			              "the only expectation known here is 100-continue");
		head->expects_continue = true;
		break;
	case 10:
		if (is_named(name, name_len, "Connection"))
			connection_apply(facts, value, len);
		break;
	case 14:
		if (!is_named(name, name_len, "Content-Length"))
			break;
		if (facts->lengths++ > 0)
			return refuse(no, 400, "there is more than one Content-Length");
		if (http_number_parse(value, len, &head->content_length) < 0)
			return refuse(no, 400, "the Content-Length is not a number");
		head->framing = HTTP_LENGTH;
		break;
	case 17:
		if (!is_named(name, name_len, "Transfer-Encoding"))
			break;
		if (facts->encodings++ > 0)
			return refuse(no, 400,
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
		return refuse(no, 400,
		              "Content-Length and Transfer-Encoding exclude each other");
	if (facts->encodings && head->version < 11)
		return refuse(no, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (facts->hosts == 0 && head->version >= 11)
		return refuse(no, 400, "the Host line is missing");
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
		return refuse(no, 400,
		              "the request line does not end with an HTTP version");
	head->version = (text[5] - '0') * 10 + (text[7] - '0');
	if (head->version != 10 && head->version != 11)
		return refuse(no, 505, "the HTTP version is neither 1.0 nor 1.1");
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
		return refuse(
			no, 400,
			"the request line does not begin with a method and a space");
	if (method > MAX_METHOD)
		return refuse(no, 400, "the method is too long");
	memcpy(name, line, method);
	name[method] = '\0';
	rest = line + method + 1;
	len -= method + 1;
	target = http_span(rest, len, HTTP_TARGET);
	if (target > head->max_target)
		return refuse(no, 414, "the request target is too long");
	if (target == 0 || target == len || rest[target] != ' ')
		return refuse(no, 400,
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
			return refuse(no, 431, "there are too many header lines");
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
		return refuse(no, 400,
		              *start == 0x16
		                      ? "this port speaks HTTP without TLS"
		                      : "the request does not begin with a method");
	if (has_line) {
		int r = head_lines_parse(head, &lines, no);

		if (r < 0)
			return r;
	}
	if (len > head->max_target + MAX_METHOD && !memchr(start, '\n', len))
		return refuse(no, 414, "the request target is too long");
	if (len >= head->max_head)
		return refuse(no, 431, "the head of the request is too long");
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
		return len < head->max_head ? 0 : refuse(no, 400, "there is no request");
	from = seen > (size_t)(start - buf) + 2 ? buf + seen - 2 : start;
	stop = head_find_end(from, end, &has_line);
	if (!stop)
		return head_parse_partial(head, start, end, has_line, no);
	r = head_lines_parse(
		head, &(struct lines){ .pos = start, .end = stop, .writes = true }, no);
	if (r < 0)
		return r;
	if ((size_t)(stop - start) > head->max_head)
		return refuse(no, 431, "the head of the request is too long");
	return (long)(stop - buf);
}

/* ---- chunks ----
 *
 *   SIZE ──CR──► SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE
 *    │ ';'         ▲   └─ size 0: LAST
 *    └──► EXTENSION┘CR
 */
enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST };

static int
chunk_line_byte(struct http_chunked *chunked, char c, struct http_refusal *no)
{
	int digit;

	if (++chunked->line > MAX_CHUNK_LINE)
		return refuse(no, 400, "the line of a chunk is too long");
	switch (chunked->state) {
	case SIZE:
		digit = hex_digit(c);
		if (digit >= 0) {
			if (chunked->left >> 59) /* leaves the sign bit alone as well */
				return refuse(no, 400, "a chunk is too large");
			chunked->left = chunked->left << 4 | (unsigned)digit;
		} else if (chunked->line > 1 && c == ';') {
			chunked->state = EXTENSION;
		} else if (chunked->line > 1 && c == '\r') {
			chunked->state = SIZE_LF;
		} else {
			return refuse(no, 400, "the size of a chunk is not a hex number");
		}
		return 0;
	case EXTENSION:
		if (c == '\r')
			chunked->state = SIZE_LF;
		else if (!http_byte_is(c, HTTP_VALUE))
			return refuse(no, 400,
			              "a chunk extension has a control character");
		return 0;
	default:
		if (c != '\n')
			return refuse(no, 400,
			              "the line of a chunk does not end with CR LF");
		chunked->line = 0;
		chunked->state = chunked->left ? DATA : LAST;
		return 0;
	}
}

int
http_chunked_next(struct http_chunked *chunked, const char **pos, const char *end,
                  const char **data, size_t *n, struct http_refusal *no)
{
	while (*pos < end && chunked->state != LAST) {
		size_t there = (size_t)(end - *pos);
		int r;

		switch (chunked->state) {
		case DATA:
			*data = *pos;
			*n = there < chunked->left ? there : (size_t)chunked->left;
			*pos += *n;
			chunked->left -= *n;
			if (chunked->left == 0)
				chunked->state = DATA_CR;
			return HTTP_CHUNK_DATA;
		case DATA_CR:
		case DATA_LF:
			if (*(*pos)++ != (chunked->state == DATA_CR ? '\r' : '\n'))
				return refuse(no, 400,
				              "a chunk is not followed by CR LF");
			chunked->state = chunked->state == DATA_CR ? DATA_LF : SIZE;
			break;
		default:
			r = chunk_line_byte(chunked, *(*pos)++, no);
			if (r < 0)
				return r;
			break;
		}
	}
	return chunked->state == LAST ? HTTP_CHUNK_LAST : HTTP_CHUNK_MORE;
}

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
			return len < max_len
			               ? 0
			               : refuse(no, 431, "the trailers are too long");
		if (line_len == 0) {
			if ((size_t)(lines.pos - buf) > max_len)
				return refuse(no, 431, "the trailers are too long");
			if (lines.writes)
				break;
			lines.pos = buf;
			lines.writes = true;
			n_fields = 0;
			continue;
		}
		if (n_fields == *n)
			return refuse(no, 431, "there are too many trailer lines");
		r = field_parse(&fields[n_fields], line, line_len, lines.writes,
		                &value_len, no);
		if (r < 0)
			return r;
		if (lines.writes && trailer_is_forbidden(fields[n_fields].name))
			return refuse(
				no, 400,
				"a trailer line has a name that only heads may have");
		n_fields++;
	}
	*n = n_fields;
	return (long)(lines.pos - buf);
}
