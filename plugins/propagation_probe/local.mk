# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/propagation-probe.la
%C%_propagation_probe_la_SOURCES = %D%/app.c
%C%_propagation_probe_la_CPPFLAGS = $(plugin_cppflags) $(JANSSON_CFLAGS)
%C%_propagation_probe_la_LDFLAGS = $(plugin_ldflags)
%C%_propagation_probe_la_LIBADD = otel/libotel.la $(JANSSON_LIBS) -lm
