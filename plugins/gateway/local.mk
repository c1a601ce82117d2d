# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/gateway.la
%C%_gateway_la_SOURCES = %D%/app.c
%C%_gateway_la_CPPFLAGS = $(plugin_cppflags) $(JANSSON_CFLAGS)
%C%_gateway_la_LDFLAGS = $(plugin_ldflags)
%C%_gateway_la_LIBADD = otel/libotel.la $(JANSSON_LIBS) -lm
