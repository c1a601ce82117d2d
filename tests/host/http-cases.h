/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/host/http-cases.h - requests as bytes, and the statuses of the answers to them.
 *
 * The handler answers 200 to everything. Each case is parsed whole, cut at every byte, sent in one piece
 * and byte by byte, always with the same outcome. "100" is a 100 Continue.
 */
#ifndef TESTS_HTTP_CASES_H
#define TESTS_HTTP_CASES_H

#include <stddef.h>

struct http_case {
	const char *name;
	const char *bytes;
	size_t len;
	const char *statuses;
};

#define CASE(name, bytes, statuses) { name, bytes, sizeof(bytes) - 1, statuses }
#define H "Host: a\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct http_case http_cases[] = {
	/* what must work */
	CASE("plain", "GET / HTTP/1.1\r\n" H "\r\n", "200"),
	CASE("two in one packet", "GET / HTTP/1.1\r\n" H "\r\n" NEXT, "200 200"),
	CASE("content length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" NEXT, "200 200"),
	CASE("content length zero", "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n" NEXT, "200 200"),
	CASE("content length with zeros", "POST / HTTP/1.1\r\n" H "Content-Length: 005\r\n\r\nhello" NEXT, "200 200"),
	CASE("chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" NEXT, "200 200"),
	CASE("chunked in capitals", "POST / HTTP/1.1\r\n" H "TRANSFER-ENCODING: Chunked\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n" NEXT, "200 200"),
	CASE("chunk extension", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n" NEXT, "200 200"),
	CASE("trailers", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: 1\r\nB:2\r\n\r\n" NEXT, "200 200"),
	CASE("HEAD with a body", "HEAD / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" NEXT, "200 200"),
	CASE("GET with a body", "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" NEXT, "200 200"),
	CASE("leading empty lines", "\r\n\r\n\nGET / HTTP/1.1\r\n" H "\r\n\r\n" NEXT, "200 200"),
	CASE("bare LF in a head", "GET / HTTP/1.1\nHost: a\n\n" NEXT, "200 200"),
	CASE("unknown method", "BREW / HTTP/1.1\r\n" H "\r\n" NEXT, "200 200"),
	CASE("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H "\r\n" NEXT, "200 200"),
	CASE("absolute form", "GET http://b:80/x?y HTTP/1.1\r\n" H "\r\n" NEXT, "200 200"),
	CASE("absolute form without a path", "GET http://b HTTP/1.1\r\n" H "\r\n" NEXT, "200 200"),
	CASE("1.0 closes", "GET / HTTP/1.0\r\n\r\n" NEXT, "200"),
	CASE("1.0 keeps when asked", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT, "200 200"),
	CASE("connection close", "GET / HTTP/1.1\r\n" H "Connection: x, close\r\n\r\n" NEXT, "200"),
	CASE("expectation", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", "200"),
	CASE("dot segments", "GET /a/./b/../c HTTP/1.1\r\n" H "\r\n", "200"),
	CASE("escaped dot segments", "GET /a/%2e%2E/c%2f.. HTTP/1.1\r\n" H "\r\n", "200"),
	CASE("bytes above ASCII in the target", "GET /M\xc3\xbcnchen HTTP/1.1\r\n" H "\r\n", "200"),
	CASE("IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n", "200"),
	CASE("tabs and spaces around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "200"),
	CASE("empty value", "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", "200"),

	/* requests that two servers could cut differently */
	CASE("length and chunked", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, "400"),
	CASE("chunked and length", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" NEXT, "400"),
	CASE("two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" NEXT, "400"),
	CASE("two equal lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" NEXT, "400"),
	CASE("a list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello" NEXT, "400"),
	CASE("space before the colon of a length", "POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello" NEXT, "400"),
	CASE("space before the colon of an encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" NEXT, "400"),
	CASE("length with a plus", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello" NEXT, "400"),
	CASE("negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello" NEXT, "400"),
	CASE("hex length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello" NEXT, "400"),
	CASE("empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nhello" NEXT, "400"),
	CASE("length beyond 64 bits", "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", "400"),
	CASE("length beyond 63 bits", "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", "400"),
	CASE("two encodings", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
	CASE("unknown encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
	CASE("identity encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n" NEXT, "501"),
	CASE("encoding that is nearly chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"),
	CASE("encoding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
	CASE("folded header", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "400"),
	CASE("folded first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),

	/* chunks */
	CASE("chunk size 0x5", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("chunk size +5", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("chunk size with a space before", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("chunk size with a space after", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", "400"),
	CASE("empty chunk size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("extension without a size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n;a\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("chunk size beyond 64 bits", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("no CR LF after a chunk", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", "400"),
	CASE("chunk longer than its size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("bare LF after a size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", "400"),
	CASE("bare LF after a chunk", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", "400"),
	CASE("bare CR after a size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\n", "400"),
	CASE("bare LF in an extension", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n", "400"),
	CASE("NUL in an extension", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n", "400"),
	CASE("bare LF in trailers", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\n\r\n", "400"),
	CASE("bare LF after trailers", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\n\n", "400"),
	CASE("framing in trailers", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", "400"),
	CASE("folded trailer", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\n 2\r\n\r\n", "400"),

	/* bytes that have no place */
	CASE("NUL in a value", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400"),
	CASE("NUL in a name", "GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n", "400"),
	CASE("NUL in the target", "GET /\0 HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("bell in a value", "GET / HTTP/1.1\r\n" H "X: \a\r\n\r\n", "400"),
	CASE("DEL in a value", "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", "400"),
	CASE("bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", "400"),
	CASE("bare CR before the end of a line", "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", "400"),
	CASE("bare CR ends the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", "400"),
	CASE("control character in the target", "GET /\x01 HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("empty name", "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", "400"),
	CASE("name with a space", "GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n", "400"),
	CASE("name with a letter above ASCII", "GET / HTTP/1.1\r\n" H "X\xc3\xbc: a\r\n\r\n", "400"),
	CASE("line without a colon", "GET / HTTP/1.1\r\n" H "nonsense\r\n\r\n", "400"),
	CASE("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
	CASE("binary", "\x80\x00\x00\x01\n\n", "400"),

	/* request lines */
	CASE("no version", "GET /\r\n" H "\r\n", "400"),
	CASE("no target", "GET HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("only a method", "GET\r\n\r\n", "400"),
	CASE("space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("space before the method", " GET / HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("space after the version", "GET / HTTP/1.1 \r\n" H "\r\n", "400"),
	CASE("tab for a space", "GET\t/ HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("method with a bracket", "G[T / HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("version in small letters", "GET / http/1.1\r\n" H "\r\n", "400"),
	CASE("version with many digits", "GET / HTTP/1.10\r\n" H "\r\n", "400"),
	CASE("version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", "505"),
	CASE("version 2.0", "GET / HTTP/2.0\r\n" H "\r\n", "505"),
	CASE("version 0.9", "GET / HTTP/0.9\r\n" H "\r\n", "505"),
	CASE("relative target", "GET a HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("GET *", "GET * HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", "501"),
	CASE("another scheme", "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("absolute form with user information", "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("absolute form without a host", "GET http:///x HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("%00 in the path", "GET /echo%00x HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("half an escape", "GET /%4 HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("an escape that is not hex", "GET /%zz HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("above the root", "GET /../etc/passwd HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("above the root by escapes", "GET /a/%2e%2e/%2e%2e/x HTTP/1.1\r\n" H "\r\n", "400"),
	CASE("to the root by escaped slashes", "GET /a/b%2f..%2f.. HTTP/1.1\r\n" H "\r\n", "200"),
	CASE("above the root by escaped slashes", "GET /a%2f..%2f.. HTTP/1.1\r\n" H "\r\n", "400"),

	/* hosts and expectations */
	CASE("no host", "GET / HTTP/1.1\r\n\r\n", "400"),
	CASE("no host in 1.0", "GET / HTTP/1.0\r\n\r\n", "200"),
	CASE("two hosts", "GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n", "400"),
	CASE("two hosts in 1.0", "GET / HTTP/1.0\r\n" H "Host: b\r\n\r\n", "400"),
	CASE("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
	CASE("host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
	CASE("host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
	CASE("host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
	CASE("host with a bad port", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "400"),
	CASE("host with half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
	CASE("absolute form without a host line", "GET http://a/ HTTP/1.1\r\n\r\n", "400"),
	CASE("another expectation", "POST / HTTP/1.1\r\n" H "Expect: foo\r\nContent-Length: 1\r\n\r\nx", "417"),

	/* the first mistake ends it */
	CASE("a good one and a bad one", "GET / HTTP/1.1\r\n" H "\r\nGET /\r\n\r\n" NEXT, "200 400"),
};

#define N_HTTP_CASES (sizeof http_cases / sizeof http_cases[0])

#undef NEXT
#undef H
#undef CASE

#endif
