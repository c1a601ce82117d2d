# SPDX-License-Identifier: Apache-2.0

# Plugins, generations, the worker.
include tests/host/plugins/local.mk
worker_test_cppflags = $(test_cppflags) -I$(top_srcdir)/host $(JANSSON_CFLAGS) \
	-DFIXTURES='"$(abs_top_builddir)/tests/host/plugins/.libs"'
worker_test_ldadd = host/libhost.la otel/libotel.la $(JANSSON_LIBS) $(CHECK_LIBS)

check_PROGRAMS += %D%/test-plugin
TESTS += %D%/test-plugin
%C%_test_plugin_SOURCES = %D%/test-plugin.c
%C%_test_plugin_CPPFLAGS = $(worker_test_cppflags)
%C%_test_plugin_LDADD = $(worker_test_ldadd)

# Loops, fibers, what services call.
check_PROGRAMS += %D%/test-fiber
TESTS += %D%/test-fiber
%C%_test_fiber_CPPFLAGS = $(test_cppflags) $(host_cppflags)
%C%_test_fiber_LDADD = host/libhost.la $(CHECK_LIBS)
