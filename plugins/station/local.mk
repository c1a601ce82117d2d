# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/station.la
%C%_station_la_SOURCES = %D%/activity.c %D%/activity.h %D%/app.c %D%/buf.c %D%/buf.h %D%/decode.c %D%/decode.h %D%/environment.c %D%/environment.h %D%/filter.c %D%/filter.h %D%/forward.c %D%/forward.h \
	%D%/lifecycle.c %D%/lifecycle.h %D%/otlp-guard.c %D%/otlp-guard.h %D%/otlp-json.c %D%/otlp-json.h %D%/otlp.h \
	%D%/query.c %D%/query.h %D%/receive.c %D%/receive.h %D%/store.c %D%/store.h %D%/store-owner.c %D%/store-owner.h \
	%D%/views.c %D%/views.h %D%/views-services.c %D%/views-signals.c
%C%_station_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/web $(otlp_proto_cppflags) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
%C%_station_la_LDFLAGS = $(plugin_ldflags)
%C%_station_la_LIBADD = plugins/web/libweb.la otel/proto/libotlp-proto.la otel/libotel.la $(JANSSON_LIBS) $(PROTOBUFC_LIBS) $(ZLIB_LIBS) -lm
