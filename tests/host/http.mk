# SPDX-License-Identifier: Apache-2.0
# The HTTP server, tested without the host. %D% is the folder of this file.
http_test_cppflags = $(test_cppflags) -I$(top_srcdir)/host -I$(top_srcdir)/%D% $(EVENT_CFLAGS) $(NGHTTP2_CFLAGS)
http_test_ldadd = host/libhttp.la $(EVENT_LIBS) $(NGHTTP2_LIBS) $(CHECK_LIBS)
EXTRA_DIST += %D%/http-cases.h

check_PROGRAMS += %D%/test-http-parse
TESTS += %D%/test-http-parse
%C%_test_http_parse_SOURCES = %D%/test-http-parse.c
%C%_test_http_parse_CPPFLAGS = $(http_test_cppflags)
%C%_test_http_parse_LDADD = $(http_test_ldadd)

check_PROGRAMS += %D%/test-http-server
TESTS += %D%/test-http-server
%C%_test_http_server_SOURCES = %D%/test-http-server.c %D%/http-fixture.c %D%/http-fixture.h
%C%_test_http_server_CPPFLAGS = $(http_test_cppflags)
%C%_test_http_server_LDADD = $(http_test_ldadd)

check_PROGRAMS += %D%/test-http-h2
TESTS += %D%/test-http-h2
%C%_test_http_h2_SOURCES = %D%/test-http-h2.c %D%/http-fixture.c %D%/http-fixture.h
%C%_test_http_h2_CPPFLAGS = $(http_test_cppflags)
%C%_test_http_h2_LDADD = $(http_test_ldadd)

check_PROGRAMS += %D%/test-http-memory
TESTS += %D%/test-http-memory
%C%_test_http_memory_SOURCES = %D%/test-http-memory.c %D%/http-fixture.c %D%/http-fixture.h
%C%_test_http_memory_CPPFLAGS = $(http_test_cppflags)
%C%_test_http_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_http_memory_LDADD = $(http_test_ldadd)
