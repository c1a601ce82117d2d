# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/iss-distance-service.la
%C%_iss_distance_service_la_SOURCES = %D%/app.c %D%/coordinates.c %D%/coordinates.h %D%/geodesic.c %D%/geodesic.h
%C%_iss_distance_service_la_CPPFLAGS = $(plugin_cppflags) $(JANSSON_CFLAGS)
%C%_iss_distance_service_la_LDFLAGS = $(plugin_ldflags)
%C%_iss_distance_service_la_LIBADD = otel/libotel.la $(JANSSON_LIBS) -lm
