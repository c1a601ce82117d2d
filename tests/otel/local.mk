# SPDX-License-Identifier: Apache-2.0

otel_test_cppflags = $(test_cppflags) -I$(top_srcdir)/otel -I$(top_srcdir)/tests/otel
otel_test_ldadd = otel/libotel-all.la $(CHECK_LIBS)
EXTRA_DIST += %D%/meter-fixture.h
meter_tests = %D%/test-meter
check_PROGRAMS += $(meter_tests)
TESTS += $(meter_tests)
%C%_test_meter_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_LDADD = $(otel_test_ldadd)
