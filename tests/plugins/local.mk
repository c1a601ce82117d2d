# SPDX-License-Identifier: Apache-2.0
# Pure parts are tested as they are; a service by including its app.c beside a fake host (tests/fake/svc-host.h).
space_cppflags = $(test_cppflags) -I$(top_srcdir)/plugins/space \
	-DCITIES='"$(abs_top_srcdir)/plugins/upstream/data/cities.tsv"' -DISS_TLE='"$(abs_top_srcdir)/plugins/upstream/data/iss.tle"'
space_ldadd = plugins/space/libspace.la otel/libotel.la $(CHECK_LIBS) -lm
EXTRA_DIST += tests/data/README.md tests/data/geodesic.tsv \
	tests/data/sgp4/sgp4-ver-near.tle tests/data/sgp4/sgp4-ver-near.tsv tests/data/sgp4/sgp4-ver-near-index.tsv \
	tests/data/sgp4/iss-26237-reference.tsv

space_tests = %D%/test-fold %D%/test-gazetteer %D%/test-satellite %D%/test-sgp4 %D%/test-tle
check_PROGRAMS += $(space_tests)
TESTS += $(space_tests)
%C%_test_fold_CPPFLAGS = $(space_cppflags)
%C%_test_fold_LDADD = $(space_ldadd)
%C%_test_gazetteer_CPPFLAGS = $(space_cppflags)
%C%_test_gazetteer_LDADD = $(space_ldadd)
%C%_test_satellite_CPPFLAGS = $(space_cppflags)
%C%_test_satellite_LDADD = $(space_ldadd)
%C%_test_sgp4_CPPFLAGS = $(space_cppflags)
%C%_test_sgp4_LDADD = $(space_ldadd)
%C%_test_tle_CPPFLAGS = $(space_cppflags)
%C%_test_tle_LDADD = $(space_ldadd)

check_PROGRAMS += %D%/test-geodesic
TESTS += %D%/test-geodesic
%C%_test_geodesic_SOURCES = %D%/test-geodesic.c plugins/iss-distance-service/geodesic.c
%C%_test_geodesic_CPPFLAGS = $(test_cppflags) -I$(top_srcdir)/plugins/iss-distance-service
%C%_test_geodesic_LDADD = $(CHECK_LIBS) -lm

check_PROGRAMS += %D%/test-station
TESTS += %D%/test-station
EXTRA_DIST += tests/data/otlp-examples
%C%_test_station_SOURCES = %D%/test-station.c plugins/station/buf.c plugins/station/otlp-guard.c \
	plugins/station/otlp-json.c plugins/station/filter.c plugins/station/lifecycle.c plugins/station/query.c plugins/station/store.c \
	plugins/station/store-owner.c plugins/station/activity.c
%C%_test_station_CPPFLAGS = $(test_cppflags) -I$(top_srcdir)/plugins/station $(otlp_proto_cppflags) $(JANSSON_CFLAGS)
%C%_test_station_LDADD = otel/proto/libotlp-proto.la otel/libotel.la $(CHECK_LIBS) $(JANSSON_LIBS) $(PROTOBUFC_LIBS)

check_LTLIBRARIES += tests/fake/libfake.la
tests_fake_libfake_la_SOURCES = tests/fake/svc-host.c tests/fake/svc-host.h tests/fake/telemetry.c tests/fake/telemetry.h
tests_fake_libfake_la_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS)
service_cppflags = $(space_cppflags) -I$(top_srcdir)/plugins $(JANSSON_CFLAGS)
service_ldadd = tests/fake/libfake.la otel/libotel.la $(CHECK_LIBS) $(JANSSON_LIBS) -lm

service_tests = %D%/test-hello %D%/test-iss-distance %D%/test-gateway %D%/test-geolocator %D%/test-propagation-probe %D%/test-upstream %D%/test-frontend
check_PROGRAMS += $(service_tests)
TESTS += $(service_tests)
%C%_test_hello_SOURCES = %D%/test-hello.c
%C%_test_hello_CPPFLAGS = $(service_cppflags)
%C%_test_hello_LDADD = $(service_ldadd)
%C%_test_iss_distance_SOURCES = %D%/test-iss-distance.c plugins/iss-distance-service/coordinates.c plugins/iss-distance-service/geodesic.c
%C%_test_iss_distance_CPPFLAGS = $(service_cppflags) -I$(top_srcdir)/plugins/iss-distance-service
%C%_test_iss_distance_LDADD = $(service_ldadd)
%C%_test_gateway_SOURCES = %D%/test-gateway.c
%C%_test_gateway_CPPFLAGS = $(service_cppflags)
%C%_test_gateway_LDADD = $(service_ldadd)
%C%_test_geolocator_SOURCES = %D%/test-geolocator.c plugins/geolocator-service/cache.c plugins/geolocator-service/search.c
%C%_test_geolocator_CPPFLAGS = $(service_cppflags) -I$(top_srcdir)/plugins/geolocator-service
%C%_test_geolocator_LDADD = $(service_ldadd)
%C%_test_propagation_probe_SOURCES = %D%/test-propagation-probe.c
%C%_test_propagation_probe_CPPFLAGS = $(service_cppflags)
%C%_test_propagation_probe_LDADD = $(service_ldadd)
%C%_test_upstream_SOURCES = %D%/test-upstream.c
%C%_test_upstream_CPPFLAGS = $(service_cppflags)
%C%_test_upstream_LDADD = plugins/space/libspace.la $(service_ldadd)
%C%_test_frontend_SOURCES = %D%/test-frontend.c plugins/frontend/api.c
%C%_test_frontend_CPPFLAGS = $(service_cppflags) -I$(top_srcdir)/plugins/frontend -I$(top_srcdir)/plugins/web
%C%_test_frontend_LDADD = plugins/space/libspace.la plugins/web/libweb.la $(service_ldadd)

check_PROGRAMS += %D%/test-url
TESTS += %D%/test-url
%C%_test_url_CPPFLAGS = $(test_cppflags)
%C%_test_url_LDADD = $(CHECK_LIBS)

# The station as a service: app.c is in the test, the rest beside it.
check_PROGRAMS += %D%/test-station-receive
TESTS += %D%/test-station-receive
station_check_sources = plugins/station/check-api.c plugins/station/check-file.c plugins/station/check-judge.c plugins/station/check-match.c \
	plugins/station/check-miss.c plugins/station/check-miss-why.c plugins/station/check-names.c plugins/station/check-select.c \
	plugins/station/check-series.c plugins/station/check-subject.c
station_sources = $(station_check_sources) plugins/station/activity.c plugins/station/buf.c plugins/station/decode.c plugins/station/environment.c \
	plugins/station/filter.c plugins/station/forward.c plugins/station/lifecycle.c plugins/station/mistakes.c \
	plugins/station/otlp-guard.c plugins/station/otlp-json.c plugins/station/query.c plugins/station/receive.c plugins/station/store.c \
	plugins/station/store-owner.c plugins/station/views.c plugins/station/views-services.c plugins/station/views-signals.c
station_cppflags = $(service_cppflags) -I$(top_srcdir)/common -I$(top_srcdir)/plugins/station -I$(top_srcdir)/plugins/web $(otlp_proto_cppflags) $(ZLIB_CFLAGS)
station_ldadd = common/libcommon.la plugins/web/libweb.la otel/proto/libotlp-proto.la $(service_ldadd) $(PROTOBUFC_LIBS) $(ZLIB_LIBS)
%C%_test_station_receive_SOURCES = %D%/test-station-receive.c $(station_sources)
%C%_test_station_receive_CPPFLAGS = $(station_cppflags) -DSRCDIR='"$(abs_top_srcdir)"'
%C%_test_station_receive_LDADD = $(station_ldadd)

check_PROGRAMS += %D%/test-station-views
TESTS += %D%/test-station-views
%C%_test_station_views_SOURCES = %D%/test-station-views.c $(station_sources)
%C%_test_station_views_CPPFLAGS = $(station_cppflags) -DSRCDIR='"$(abs_top_srcdir)"'
%C%_test_station_views_LDADD = $(station_ldadd)

check_PROGRAMS += %D%/test-station-store
TESTS += %D%/test-station-store
%C%_test_station_store_SOURCES = %D%/test-station-store.c plugins/station/activity.c plugins/station/buf.c \
	plugins/station/otlp-json.c plugins/station/filter.c plugins/station/lifecycle.c plugins/station/query.c plugins/station/store.c \
	plugins/station/store-owner.c
%C%_test_station_store_CPPFLAGS = $(station_cppflags)
%C%_test_station_store_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
%C%_test_station_store_LDADD = $(station_ldadd)

check_PROGRAMS += %D%/test-guide
TESTS += %D%/test-guide
%C%_test_guide_SOURCES = %D%/test-guide.c plugins/guide/copy.c plugins/guide/course.c plugins/guide/markdown.c plugins/guide/markdown-links.c \
	plugins/guide/page.c plugins/guide/run.c plugins/guide/tint.c
%C%_test_guide_CPPFLAGS = $(service_cppflags) -I$(top_srcdir)/plugins/guide -I$(top_srcdir)/plugins/web $(CMARK_CFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
%C%_test_guide_LDADD = plugins/web/libweb.la $(service_ldadd) $(CMARK_LIBS)

# Assertions: the engine without its HTTP call.
check_engine_sources = plugins/station/activity.c plugins/station/buf.c plugins/station/filter.c plugins/station/lifecycle.c plugins/station/query.c plugins/station/check-file.c plugins/station/check-judge.c \
	plugins/station/check-match.c plugins/station/check-miss.c plugins/station/check-miss-why.c plugins/station/check-names.c \
	plugins/station/check-select.c plugins/station/check-series.c plugins/station/check-subject.c plugins/station/otlp-guard.c \
	plugins/station/otlp-json.c plugins/station/store.c plugins/station/store-owner.c
EXTRA_DIST += %D%/check-fixture.h
check_PROGRAMS += %D%/test-check
TESTS += %D%/test-check
%C%_test_check_SOURCES = %D%/test-check.c $(check_engine_sources)
%C%_test_check_CPPFLAGS = $(station_cppflags)
%C%_test_check_LDADD = $(station_ldadd)
check_PROGRAMS += %D%/test-check-file
TESTS += %D%/test-check-file
%C%_test_check_file_SOURCES = %D%/test-check-file.c $(check_engine_sources)
%C%_test_check_file_CPPFLAGS = $(station_cppflags)
%C%_test_check_file_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
%C%_test_check_file_LDADD = $(station_ldadd)
