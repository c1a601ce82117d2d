# SPDX-License-Identifier: Apache-2.0
# Check files. %D% is the folder of this file.
check_fuzz_cppflags = $(station_fuzz_cppflags) -I$(top_srcdir)/common
check_fuzz_ldadd = common/libcommon.la $(station_fuzz_ldadd)
check_fuzz_sources = $(station_fuzz_sources) plugins/station/check-file.c plugins/station/check-judge.c plugins/station/check-match.c \
	plugins/station/check-miss.c plugins/station/check-miss-why.c plugins/station/check-names.c plugins/station/check-select.c \
	plugins/station/check-series.c plugins/station/check-subject.c host/check-place.c
check_PROGRAMS += %D%/replay-check
TESTS += %D%/replay-check
%C%_replay_check_SOURCES = %D%/fuzz-check.c %D%/replay.c $(check_fuzz_sources)
%C%_replay_check_CPPFLAGS = $(check_fuzz_cppflags) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus/check"'
%C%_replay_check_LDADD = $(check_fuzz_ldadd)
if ENABLE_FUZZERS
noinst_PROGRAMS += %D%/fuzz-check
%C%_fuzz_check_SOURCES = %D%/fuzz-check.c $(check_fuzz_sources)
%C%_fuzz_check_CPPFLAGS = $(check_fuzz_cppflags)
%C%_fuzz_check_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_check_LDADD = $(check_fuzz_ldadd)
endif
