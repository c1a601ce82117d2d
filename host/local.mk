# SPDX-License-Identifier: Apache-2.0
# The program in one convenience library, so that unit tests reach its parts, and a main() on top.
cupolaincludedir = $(includedir)/cupola
cupolainclude_HEADERS = %D%/include/cupola/service.h %D%/include/cupola/url.h
pkgconfig_DATA += %D%/cupola.pc

host_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%/include -I$(top_srcdir)/%D% $(EVENT_CFLAGS) $(CURL_CFLAGS) \
	$(JANSSON_CFLAGS) $(NGHTTP2_CFLAGS) $(ZLIB_CFLAGS) \
	-DCUPOLA_PREFIX='"$(prefix)"' -DCUPOLA_PLUGINDIR='"$(plugindir)"' -DCUPOLA_CONFDIR='"$(confdir)"' \
	-DCUPOLA_DATADIR='"$(pkgdatadir)"' -DCUPOLA_RUNDIR='"$(runstatedir)/cupola"' -DADDR2LINE='"$(ADDR2LINE)"'
noinst_LTLIBRARIES += %D%/libhost.la
%C%_libhost_la_CPPFLAGS = $(host_cppflags)
%C%_libhost_la_LIBADD = otel/libotel.la $(EVENT_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(NGHTTP2_LIBS) $(ZLIB_LIBS) -lm -ldl
%C%_libhost_la_SOURCES = %D%/version.c

# The HTTP server.
noinst_HEADERS += %D%/http-server.h
noinst_HEADERS += %D%/loop.h %D%/fiber.h %D%/service.h %D%/current.h %D%/admission.h %D%/offload.h %D%/http-client.h

# Configuration, the master, what a person types.
%C%_libhost_la_SOURCES += %D%/worker-boot.h %D%/log.c %D%/log.h %D%/memory.c %D%/memory.h \
	%D%/paths.c %D%/paths.h %D%/suggest.c %D%/suggest.h %D%/ini.c %D%/ini.h %D%/value.c \
	%D%/conf.c %D%/conf.h %D%/conf-keys.c %D%/conf-keys.h %D%/conf-json.c %D%/listen.c %D%/listen.h

# Loops, fibers, what services call.
%C%_libhost_la_SOURCES +=

# Generations, the worker.
%C%_libhost_la_SOURCES += %D%/elf-check.c %D%/elf-check.h %D%/plugin.c %D%/plugin.h \
	%D%/crash.c %D%/crash.h %D%/telemetry.c %D%/telemetry.h

# The program.
