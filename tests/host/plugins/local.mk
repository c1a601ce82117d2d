# SPDX-License-Identifier: Apache-2.0
# Services as they should not be (and good.c): fixtures of the host's tests, built as a user would build them.
fixture_cppflags = $(plugin_cppflags)
fixture_ldflags = $(plugin_ldflags) -rpath /nowhere

check_LTLIBRARIES += %D%/bad-keys.la
%C%_bad_keys_la_SOURCES = %D%/bad-keys.c
%C%_bad_keys_la_CPPFLAGS = $(fixture_cppflags)
%C%_bad_keys_la_LDFLAGS = $(fixture_ldflags)
%C%_bad_keys_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/concurrent.la
%C%_concurrent_la_SOURCES = %D%/concurrent.c
%C%_concurrent_la_CPPFLAGS = $(fixture_cppflags)
%C%_concurrent_la_LDFLAGS = $(fixture_ldflags)
%C%_concurrent_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/good.la
%C%_good_la_SOURCES = %D%/good.c
%C%_good_la_CPPFLAGS = $(fixture_cppflags)
%C%_good_la_LDFLAGS = $(fixture_ldflags)
%C%_good_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/longer-table.la
%C%_longer_table_la_SOURCES = %D%/longer-table.c
%C%_longer_table_la_CPPFLAGS = $(fixture_cppflags)
%C%_longer_table_la_LDFLAGS = $(fixture_ldflags)
%C%_longer_table_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/missing-symbol.la
%C%_missing_symbol_la_SOURCES = %D%/missing-symbol.c
%C%_missing_symbol_la_CPPFLAGS = $(fixture_cppflags)
%C%_missing_symbol_la_LDFLAGS = $(fixture_ldflags)
%C%_missing_symbol_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/newer-sdk.la
%C%_newer_sdk_la_SOURCES = %D%/newer-sdk.c
%C%_newer_sdk_la_CPPFLAGS = $(fixture_cppflags)
%C%_newer_sdk_la_LDFLAGS = $(fixture_ldflags)
%C%_newer_sdk_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/no-name.la
%C%_no_name_la_SOURCES = %D%/no-name.c
%C%_no_name_la_CPPFLAGS = $(fixture_cppflags)
%C%_no_name_la_LDFLAGS = $(fixture_ldflags)
%C%_no_name_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/no-version.la
%C%_no_version_la_SOURCES = %D%/no-version.c
%C%_no_version_la_CPPFLAGS = $(fixture_cppflags)
%C%_no_version_la_LDFLAGS = $(fixture_ldflags)
%C%_no_version_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/null-function.la
%C%_null_function_la_SOURCES = %D%/null-function.c
%C%_null_function_la_CPPFLAGS = $(fixture_cppflags)
%C%_null_function_la_LDFLAGS = $(fixture_ldflags)
%C%_null_function_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/other-major.la
%C%_other_major_la_SOURCES = %D%/other-major.c
%C%_other_major_la_CPPFLAGS = $(fixture_cppflags)
%C%_other_major_la_LDFLAGS = $(fixture_ldflags)
%C%_other_major_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/other-name.la
%C%_other_name_la_SOURCES = %D%/other-name.c
%C%_other_name_la_CPPFLAGS = $(fixture_cppflags)
%C%_other_name_la_LDFLAGS = $(fixture_ldflags)
%C%_other_name_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/own-threads.la
%C%_own_threads_la_SOURCES = %D%/own-threads.c
%C%_own_threads_la_CPPFLAGS = $(fixture_cppflags)
%C%_own_threads_la_LDFLAGS = $(fixture_ldflags)
%C%_own_threads_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/short-table.la
%C%_short_table_la_SOURCES = %D%/short-table.c
%C%_short_table_la_CPPFLAGS = $(fixture_cppflags)
%C%_short_table_la_LDFLAGS = $(fixture_ldflags)
%C%_short_table_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-crashes.la
%C%_start_crashes_la_SOURCES = %D%/start-crashes.c
%C%_start_crashes_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_crashes_la_LDFLAGS = $(fixture_ldflags)
%C%_start_crashes_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-crashes-live.la
%C%_start_crashes_live_la_SOURCES = %D%/start-crashes-live.c
%C%_start_crashes_live_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_crashes_live_la_LDFLAGS = $(fixture_ldflags)
%C%_start_crashes_live_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-exits.la
%C%_start_exits_la_SOURCES = %D%/start-exits.c
%C%_start_exits_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_exits_la_LDFLAGS = $(fixture_ldflags)
%C%_start_exits_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-fails.la
%C%_start_fails_la_SOURCES = %D%/start-fails.c
%C%_start_fails_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_fails_la_LDFLAGS = $(fixture_ldflags)
%C%_start_fails_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-hangs.la
%C%_start_hangs_la_SOURCES = %D%/start-hangs.c
%C%_start_hangs_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_hangs_la_LDFLAGS = $(fixture_ldflags)
%C%_start_hangs_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/start-hangs-live.la
%C%_start_hangs_live_la_SOURCES = %D%/start-hangs-live.c
%C%_start_hangs_live_la_CPPFLAGS = $(fixture_cppflags)
%C%_start_hangs_live_la_LDFLAGS = $(fixture_ldflags)
%C%_start_hangs_live_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/static-tls.la
%C%_static_tls_la_SOURCES = %D%/static-tls.c
%C%_static_tls_la_CPPFLAGS = $(fixture_cppflags)
%C%_static_tls_la_LDFLAGS = $(fixture_ldflags)
%C%_static_tls_la_LIBADD = otel/libotel.la

check_LTLIBRARIES += %D%/unresolved-symbol.la
%C%_unresolved_symbol_la_SOURCES = %D%/unresolved-symbol.c
%C%_unresolved_symbol_la_CPPFLAGS = $(fixture_cppflags)
%C%_unresolved_symbol_la_LDFLAGS = $(fixture_ldflags)
%C%_unresolved_symbol_la_LIBADD = otel/libotel.la
