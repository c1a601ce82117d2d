# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/geolocator-service.la
%C%_geolocator_service_la_SOURCES = %D%/app.c %D%/cache.c %D%/cache.h %D%/search.c %D%/search.h
%C%_geolocator_service_la_CPPFLAGS = $(plugin_cppflags) $(JANSSON_CFLAGS)
%C%_geolocator_service_la_LDFLAGS = $(plugin_ldflags)
%C%_geolocator_service_la_LIBADD = otel/libotel.la $(JANSSON_LIBS) -lm
