# SPDX-License-Identifier: Apache-2.0
# The HTTP server. %D% is the folder of this file.
http_fuzz_cppflags = $(fuzz_cppflags) $(EVENT_CFLAGS) $(NGHTTP2_CFLAGS)
http_fuzz_ldadd = host/libhttp.la $(EVENT_LIBS) $(NGHTTP2_LIBS)
http_replays = %D%/replay-http-parse %D%/replay-http-server
check_PROGRAMS += $(http_replays)
TESTS += $(http_replays)
%C%_replay_http_parse_SOURCES = %D%/fuzz-http-parse.c %D%/replay.c
%C%_replay_http_parse_CPPFLAGS = $(http_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/http-parse"'
%C%_replay_http_parse_LDADD = $(http_fuzz_ldadd)
%C%_replay_http_server_SOURCES = %D%/fuzz-http-server.c %D%/replay.c
%C%_replay_http_server_CPPFLAGS = $(http_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/http-server"'
%C%_replay_http_server_LDADD = $(http_fuzz_ldadd)
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-http-parse %D%/fuzz-http-server
%C%_fuzz_http_parse_CPPFLAGS = $(http_fuzz_cppflags)
%C%_fuzz_http_parse_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_http_parse_LDADD = $(http_fuzz_ldadd)
%C%_fuzz_http_server_CPPFLAGS = $(http_fuzz_cppflags)
%C%_fuzz_http_server_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_http_server_LDADD = $(http_fuzz_ldadd)
endif
