# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/upstream.la
%C%_upstream_la_SOURCES = %D%/app.c
%C%_upstream_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/space $(JANSSON_CFLAGS)
%C%_upstream_la_LDFLAGS = $(plugin_ldflags)
%C%_upstream_la_LIBADD = plugins/space/libspace.la otel/libotel.la $(JANSSON_LIBS) -lm
dist_pkgdata_DATA += %D%/data/cities.tsv %D%/data/iss.tle
EXTRA_DIST += %D%/data/README.md
