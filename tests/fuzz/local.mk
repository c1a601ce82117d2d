# SPDX-License-Identifier: Apache-2.0
# Fuzz targets, see fuzz.h. `make check` replays their corpora.
EXTRA_DIST += %D%/fuzz.h %D%/corpus
fuzz_cppflags = $(test_cppflags) -I$(top_srcdir)/otel -I$(top_srcdir)/host
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer

# the SDK's parsers
sdk_replays = %D%/replay-tracecontext %D%/replay-b3 %D%/replay-baggage %D%/replay-resource
check_PROGRAMS += $(sdk_replays)
TESTS += $(sdk_replays)
%C%_replay_tracecontext_SOURCES = %D%/fuzz-tracecontext.c %D%/replay.c
%C%_replay_tracecontext_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/tracecontext"'
%C%_replay_tracecontext_LDADD = otel/libotel-all.la
%C%_replay_b3_SOURCES = %D%/fuzz-b3.c %D%/replay.c
%C%_replay_b3_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/b3"'
%C%_replay_b3_LDADD = otel/libotel-all.la
%C%_replay_baggage_SOURCES = %D%/fuzz-baggage.c %D%/replay.c
%C%_replay_baggage_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/baggage"'
%C%_replay_baggage_LDADD = otel/libotel-all.la
%C%_replay_resource_SOURCES = %D%/fuzz-resource.c %D%/replay.c
%C%_replay_resource_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/resource"'
%C%_replay_resource_LDADD = otel/libotel-all.la
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-tracecontext %D%/fuzz-b3 %D%/fuzz-baggage %D%/fuzz-resource
%C%_fuzz_tracecontext_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_tracecontext_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_tracecontext_LDADD = otel/libotel-all.la
%C%_fuzz_b3_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_b3_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_b3_LDADD = otel/libotel-all.la
%C%_fuzz_baggage_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_baggage_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_baggage_LDADD = otel/libotel-all.la
%C%_fuzz_resource_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_resource_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_resource_LDADD = otel/libotel-all.la
endif

include tests/fuzz/http.mk
include tests/fuzz/conf.mk
include tests/fuzz/otlp.mk
include tests/fuzz/station.mk
include tests/fuzz/check.mk
