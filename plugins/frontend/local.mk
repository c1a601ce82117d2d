# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/frontend.la
%C%_frontend_la_SOURCES = %D%/app.c %D%/api.c %D%/api.h
%C%_frontend_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/space -I$(top_srcdir)/plugins/web $(JANSSON_CFLAGS)
%C%_frontend_la_LDFLAGS = $(plugin_ldflags)
%C%_frontend_la_LIBADD = plugins/space/libspace.la plugins/web/libweb.la otel/libotel.la $(JANSSON_LIBS) -lm
