# SPDX-License-Identifier: Apache-2.0
# what a receiver answers, what a user configures, what a service names
otlp_replays = %D%/replay-otlp-answer %D%/replay-otlp-endpoint %D%/replay-otlp-encode
otlp_fuzz_cppflags = $(fuzz_cppflags) $(otlp_proto_cppflags) $(JANSSON_CFLAGS)
check_PROGRAMS += $(otlp_replays)
TESTS += $(otlp_replays)
%C%_replay_otlp_answer_SOURCES = %D%/fuzz-otlp-answer.c %D%/replay.c
%C%_replay_otlp_answer_CPPFLAGS = $(otlp_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/otlp-answer"'
%C%_replay_otlp_answer_LDADD = otel/libotel-all.la
%C%_replay_otlp_endpoint_SOURCES = %D%/fuzz-otlp-endpoint.c %D%/replay.c
%C%_replay_otlp_endpoint_CPPFLAGS = $(otlp_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/otlp-endpoint"'
%C%_replay_otlp_endpoint_LDADD = otel/libotel-all.la
%C%_replay_otlp_encode_SOURCES = %D%/fuzz-otlp-encode.c %D%/replay.c
%C%_replay_otlp_encode_CPPFLAGS = $(otlp_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/otlp-encode"'
%C%_replay_otlp_encode_LDADD = otel/libotel-all.la
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-otlp-answer %D%/fuzz-otlp-endpoint %D%/fuzz-otlp-encode
%C%_fuzz_otlp_answer_CPPFLAGS = $(otlp_fuzz_cppflags)
%C%_fuzz_otlp_answer_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_otlp_answer_LDADD = otel/libotel-all.la
%C%_fuzz_otlp_endpoint_CPPFLAGS = $(otlp_fuzz_cppflags)
%C%_fuzz_otlp_endpoint_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_otlp_endpoint_LDADD = otel/libotel-all.la
%C%_fuzz_otlp_encode_CPPFLAGS = $(otlp_fuzz_cppflags)
%C%_fuzz_otlp_encode_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_otlp_encode_LDADD = otel/libotel-all.la
endif
