# SPDX-License-Identifier: Apache-2.0
include tests/host/http.mk

# Plugins, generations, the worker.
include tests/host/plugins/local.mk
worker_test_cppflags = $(test_cppflags) -I$(top_srcdir)/host $(JANSSON_CFLAGS) \
	-DFIXTURES='"$(abs_top_builddir)/tests/host/plugins/.libs"'
worker_test_ldadd = host/libhost.la otel/libotel.la $(JANSSON_LIBS) $(CHECK_LIBS)

check_PROGRAMS += %D%/test-explain
TESTS += %D%/test-explain
%C%_test_explain_CPPFLAGS = $(worker_test_cppflags)
%C%_test_explain_LDADD = $(worker_test_ldadd)
check_PROGRAMS += %D%/test-plugin %D%/test-crash %D%/test-telemetry %D%/test-mount
TESTS += %D%/test-plugin %D%/test-crash %D%/test-telemetry %D%/test-mount
%C%_test_plugin_CPPFLAGS = $(worker_test_cppflags)
%C%_test_plugin_LDADD = $(worker_test_ldadd)
%C%_test_crash_CPPFLAGS = $(worker_test_cppflags)
%C%_test_crash_LDADD = $(worker_test_ldadd)
%C%_test_telemetry_CPPFLAGS = $(worker_test_cppflags)
%C%_test_telemetry_LDADD = $(worker_test_ldadd)
%C%_test_mount_CPPFLAGS = $(worker_test_cppflags) -DPROGRAM='"$(abs_top_builddir)/host/cupola"'
%C%_test_mount_LDADD = $(worker_test_ldadd)
EXTRA_%C%_test_mount_DEPENDENCIES = host/cupola

# Loops, fibers, what services call.
runtime_test_cppflags = $(test_cppflags) $(host_cppflags)
runtime_test_ldadd = host/libhost.la otel/libotel.la $(EVENT_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS)
runtime_tests = %D%/test-fiber %D%/test-loop %D%/test-http-client %D%/test-service \
	%D%/test-instrument %D%/test-concurrent %D%/test-fiber-ucontext
EXTRA_DIST += %D%/serving.h
check_PROGRAMS += $(runtime_tests)
TESTS += $(runtime_tests)
%C%_test_fiber_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_fiber_LDADD = $(runtime_test_ldadd)
%C%_test_service_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_service_LDADD = $(runtime_test_ldadd)
%C%_test_loop_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_loop_LDADD = $(runtime_test_ldadd)
%C%_test_http_client_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_http_client_LDADD = $(runtime_test_ldadd)
%C%_test_concurrent_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_concurrent_LDADD = $(runtime_test_ldadd)
# The same with what other machines use; its objects come before those of the library.
%C%_test_fiber_ucontext_SOURCES = %D%/test-fiber.c host/fiber.c host/fiber-switch.c
%C%_test_fiber_ucontext_CPPFLAGS = $(runtime_test_cppflags) -DHOST_FIBER_UCONTEXT
%C%_test_fiber_ucontext_LDADD = $(runtime_test_ldadd)
%C%_test_instrument_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_instrument_LDADD = $(runtime_test_ldadd)

# What a request allocates: nothing.
check_PROGRAMS += %D%/test-allocations
TESTS += %D%/test-allocations
%C%_test_allocations_CPPFLAGS = $(runtime_test_cppflags)
%C%_test_allocations_LDADD = $(runtime_test_ldadd)

check_PROGRAMS += %D%/test-untraced
TESTS += %D%/test-untraced
%C%_test_untraced_CPPFLAGS = $(test_cppflags) $(host_cppflags)
%C%_test_untraced_LDADD = host/libhost.la otel/libotel.la $(CHECK_LIBS)

# Configuration, the master, what a person types.
master_tests = %D%/test-config %D%/test-listen %D%/test-control
check_PROGRAMS += $(master_tests)
TESTS += $(master_tests)
%C%_test_config_CPPFLAGS = $(test_cppflags) $(host_cppflags)
%C%_test_config_LDADD = host/libhost.la $(CHECK_LIBS)
%C%_test_listen_CPPFLAGS = $(test_cppflags) $(host_cppflags)
%C%_test_listen_LDADD = host/libhost.la $(CHECK_LIBS)
%C%_test_control_CPPFLAGS = $(test_cppflags) $(host_cppflags)
%C%_test_control_LDADD = host/libhost.la $(CHECK_LIBS)

# What check files are read with, on both sides.
check_PROGRAMS += %D%/test-check-text
TESTS += %D%/test-check-text
%C%_test_check_text_SOURCES = %D%/test-check-text.c host/check-place.c
%C%_test_check_text_CPPFLAGS = $(test_cppflags) -I$(top_srcdir)/common -I$(top_srcdir)/host $(JANSSON_CFLAGS)
%C%_test_check_text_LDADD = common/libcommon.la $(CHECK_LIBS) $(JANSSON_LIBS)
