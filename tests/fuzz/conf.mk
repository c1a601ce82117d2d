# SPDX-License-Identifier: Apache-2.0
# host.conf. %D% is the folder of this file.
conf_fuzz_cppflags = $(fuzz_cppflags) $(JANSSON_CFLAGS)
check_PROGRAMS += %D%/replay-conf
TESTS += %D%/replay-conf
%C%_replay_conf_SOURCES = %D%/fuzz-conf.c %D%/replay.c
%C%_replay_conf_CPPFLAGS = $(conf_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/conf"'
%C%_replay_conf_LDADD = host/libhost.la $(JANSSON_LIBS)
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-conf
%C%_fuzz_conf_CPPFLAGS = $(conf_fuzz_cppflags)
%C%_fuzz_conf_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_conf_LDADD = host/libhost.la $(JANSSON_LIBS)
endif
