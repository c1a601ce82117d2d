# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/station.la
%C%_station_la_SOURCES = %D%/activity.c %D%/activity.h %D%/app.c %D%/buf.c %D%/buf.h \
	%D%/check-api.c %D%/check-api.h %D%/check-file.c %D%/check-file.h %D%/check-judge.c %D%/check-judge.h %D%/check-match.c %D%/check-match.h \
	%D%/check-miss.c %D%/check-miss.h %D%/check-miss-why.c %D%/check-names.c %D%/check-names.h %D%/check-select.c %D%/check-select.h \
	%D%/check-series.c %D%/check-series.h %D%/check-subject.c %D%/check-subject.h \
	%D%/decode.c %D%/decode.h %D%/environment.c %D%/environment.h %D%/filter.c %D%/filter.h %D%/forward.c %D%/forward.h \
	%D%/lifecycle.c %D%/lifecycle.h %D%/mistakes.c %D%/mistakes.h %D%/otlp-guard.c %D%/otlp-guard.h %D%/otlp-json.c %D%/otlp-json.h %D%/otlp.h \
	%D%/query.c %D%/query.h %D%/receive.c %D%/receive.h %D%/store.c %D%/store.h %D%/store-owner.c %D%/store-owner.h \
	%D%/views.c %D%/views.h %D%/views-services.c %D%/views-signals.c
%C%_station_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/web -I$(top_srcdir)/common $(otlp_proto_cppflags) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
%C%_station_la_LDFLAGS = $(plugin_ldflags)
%C%_station_la_LIBADD = plugins/web/libweb.la common/libcommon.la otel/proto/libotlp-proto.la otel/libotel.la $(JANSSON_LIBS) $(PROTOBUFC_LIBS) $(ZLIB_LIBS) -lm
