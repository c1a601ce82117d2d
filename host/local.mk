# SPDX-License-Identifier: Apache-2.0
# The program in one convenience library, so that unit tests reach its parts, and a main() on top.
cupolaincludedir = $(includedir)/cupola
cupolainclude_HEADERS = %D%/include/cupola/service.h %D%/include/cupola/url.h
pkgconfig_DATA += %D%/cupola.pc

host_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%/include -I$(top_srcdir)/%D% -I$(top_srcdir)/common $(EVENT_CFLAGS) $(CURL_CFLAGS) \
	$(JANSSON_CFLAGS) $(NGHTTP2_CFLAGS) $(ZLIB_CFLAGS) \
	-DCUPOLA_PREFIX='"$(prefix)"' -DCUPOLA_PLUGINDIR='"$(plugindir)"' -DCUPOLA_CONFDIR='"$(confdir)"' \
	-DCUPOLA_DATADIR='"$(pkgdatadir)"' -DCUPOLA_LIBEXECDIR='"$(libexecdir)/cupola"' -DCUPOLA_RUNDIR='"$(runstatedir)/cupola"' -DADDR2LINE='"$(ADDR2LINE)"'
noinst_LTLIBRARIES += %D%/libhost.la
%C%_libhost_la_CPPFLAGS = $(host_cppflags)
%C%_libhost_la_LIBADD = common/libcommon.la otel/libotel.la $(EVENT_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(NGHTTP2_LIBS) $(ZLIB_LIBS) -lm -ldl
%C%_libhost_la_SOURCES = %D%/version.c

# The HTTP server: a library of its own, which knows libevent and nghttp2 and nothing of the host.
noinst_LTLIBRARIES += %D%/libhttp.la
%C%_libhttp_la_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(NGHTTP2_CFLAGS)
%C%_libhttp_la_LIBADD = otel/libotel.la $(EVENT_LIBS) $(NGHTTP2_LIBS)
%C%_libhttp_la_SOURCES = %D%/http-server.h %D%/http-priv.h %D%/http-field.c %D%/http-field.h \
	%D%/http-parse.c %D%/http-parse.h %D%/http-target.c %D%/http-chunked.c %D%/http-server.c %D%/http-pool.c \
	%D%/http-conn.c %D%/http-exchange.c %D%/http-h1.c %D%/http-h1-reply.c %D%/http-h2.c %D%/http-h2-priv.h \
	%D%/http-h2-request.c %D%/http-h2-stream.c
%C%_libhost_la_LIBADD += %D%/libhttp.la

# Configuration, the master, what a person types.
%C%_libhost_la_SOURCES += %D%/worker-boot.h %D%/log.c %D%/log.h %D%/memory.c %D%/memory.h \
	%D%/paths.c %D%/paths.h %D%/suggest.c %D%/suggest.h %D%/ini.c %D%/ini.h %D%/value.c \
	%D%/conf.c %D%/conf.h %D%/conf-keys.c %D%/conf-keys.h %D%/conf-json.c %D%/conf-service.c %D%/conf-store.c %D%/listen.c %D%/listen.h \
	%D%/worker-boot.c %D%/channel.c %D%/channel.h %D%/runtime-dir.c %D%/runtime-dir.h \
	%D%/privileges.c %D%/privileges.h %D%/describe.c %D%/describe.h %D%/symbolise.c %D%/symbolise.h \
	%D%/master.c %D%/master.h %D%/master_priv.h %D%/process.c %D%/post-mortem.c %D%/apply.c %D%/apply-check.c %D%/apply-plan.c %D%/apply_priv.h %D%/conf-diff.c %D%/conf-diff.h %D%/watch.c \
	%D%/control.c %D%/status.c %D%/control.h %D%/cli.c %D%/cli.h %D%/cli-near.c %D%/cli-new.c %D%/cli-dev.c %D%/cli-memcheck.c %D%/memcheck-drive.c %D%/memcheck-drive.h %D%/memcheck-report.c %D%/memcheck-report.h %D%/cli-check.c %D%/check-plan.c %D%/check-plan.h %D%/check-answer.c \
	%D%/check-drive.c %D%/check-drive.h %D%/check-place.c %D%/check-place.h
%C%_libhost_la_SOURCES += %D%/cli-workshop.c
scaffolddir = $(pkgdatadir)/scaffold
scaffold_files = %D%/scaffold/app.c.in %D%/scaffold/Makefile.in %D%/scaffold/host.conf.in %D%/scaffold/README.md.in
scaffold_DATA = $(scaffold_files)
EXTRA_DIST += $(scaffold_files)

# Loops, fibers, what services call.
%C%_libhost_la_SOURCES += %D%/loop.h %D%/fiber.h %D%/service.h %D%/current.h %D%/admission.h \
	%D%/offload.h %D%/http-client.h %D%/loop.c %D%/fiber.c %D%/fiber-switch.c %D%/fiber-switch.h %D%/fiber-sanitize.h %D%/loop-barrier.c \
	%D%/fiber-x86_64.S %D%/fiber-aarch64.S %D%/http-client.c %D%/http-client-events.c \
	%D%/http-client-priv.h %D%/http-client-handle.c \
	%D%/http-client-response.c %D%/offload.c %D%/admission.c %D%/url.c %D%/url.h %D%/instrument.c \
	%D%/instrument.h %D%/service.c %D%/service-call.c %D%/service-request.c %D%/service-wait.c \
	%D%/service-priv.h %D%/service-run.c %D%/service-read.c %D%/service-reply.c \
	%D%/service-request.h %D%/service-task.c

# Generations, the worker.
%C%_libhost_la_SOURCES += %D%/elf-check.c %D%/elf-check.h %D%/plugin.c %D%/plugin.h \
	%D%/crash.c %D%/crash.h %D%/crash-text.c %D%/crash-text.h %D%/crash-explain.c %D%/crash-explain.h %D%/telemetry.c %D%/telemetry.h %D%/telemetry_priv.h %D%/telemetry-voice.c %D%/telemetry-tell.c \
	%D%/settings.c %D%/settings.h %D%/memcheck.c %D%/memcheck.h %D%/try.c %D%/try.h %D%/generation.c %D%/generation.h %D%/mount.c %D%/mount.h \
	%D%/worker.c %D%/worker_priv.h %D%/worker-serve.c %D%/worker-control.c %D%/worker-admin.c %D%/worker-metrics.c %D%/worker-watchdog.c

# The program.
bin_PROGRAMS += %D%/cupola
%C%_cupola_SOURCES = %D%/main.c %D%/exit-guard.c
EXTRA_%C%_cupola_DEPENDENCIES = $(top_srcdir)/%D%/exit-guard.list
EXTRA_DIST += %D%/exit-guard.list
%C%_cupola_CPPFLAGS = $(host_cppflags)
%C%_cupola_LDADD = %D%/libhost.la
# Found beside the program wherever the installed tree is moved to, as its plugins and data are.
%C%_cupola_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -Wl,--dynamic-list=$(top_srcdir)/%D%/exit-guard.list
