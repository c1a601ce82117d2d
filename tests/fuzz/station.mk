# SPDX-License-Identifier: Apache-2.0
# The station's receiver. %D% is the folder of this file.
station_fuzz_cppflags = $(fuzz_cppflags) -I$(top_srcdir)/host/include -I$(top_srcdir)/plugins/station $(otlp_proto_cppflags) $(JANSSON_CFLAGS)
station_fuzz_ldadd = otel/proto/libotlp-proto.la otel/libotel.la $(JANSSON_LIBS) $(PROTOBUFC_LIBS) -lm
station_fuzz_sources = plugins/station/activity.c plugins/station/buf.c plugins/station/filter.c plugins/station/lifecycle.c plugins/station/otlp-guard.c \
	plugins/station/otlp-json.c plugins/station/query.c plugins/station/store.c plugins/station/store-owner.c
station_replays = %D%/replay-otlp-receive %D%/replay-otlp-json
check_PROGRAMS += $(station_replays)
TESTS += $(station_replays)
%C%_replay_otlp_receive_SOURCES = %D%/fuzz-otlp-receive.c %D%/replay.c $(station_fuzz_sources)
%C%_replay_otlp_receive_CPPFLAGS = $(station_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/otlp-receive"'
%C%_replay_otlp_receive_LDADD = $(station_fuzz_ldadd)
%C%_replay_otlp_json_SOURCES = %D%/fuzz-otlp-json.c %D%/replay.c plugins/station/buf.c plugins/station/otlp-guard.c plugins/station/otlp-json.c
%C%_replay_otlp_json_CPPFLAGS = $(station_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/otlp-json"'
%C%_replay_otlp_json_LDADD = $(station_fuzz_ldadd)
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-otlp-receive %D%/fuzz-otlp-json
%C%_fuzz_otlp_receive_SOURCES = %D%/fuzz-otlp-receive.c $(station_fuzz_sources)
%C%_fuzz_otlp_receive_CPPFLAGS = $(station_fuzz_cppflags)
%C%_fuzz_otlp_receive_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_otlp_receive_LDADD = $(station_fuzz_ldadd)
%C%_fuzz_otlp_json_SOURCES = %D%/fuzz-otlp-json.c plugins/station/buf.c plugins/station/otlp-guard.c plugins/station/otlp-json.c
%C%_fuzz_otlp_json_CPPFLAGS = $(station_fuzz_cppflags)
%C%_fuzz_otlp_json_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_otlp_json_LDADD = $(station_fuzz_ldadd)
endif
