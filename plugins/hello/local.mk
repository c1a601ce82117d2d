# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/hello.la
%C%_hello_la_SOURCES = %D%/app.c
%C%_hello_la_CPPFLAGS = $(plugin_cppflags)
%C%_hello_la_LDFLAGS = $(plugin_ldflags)
%C%_hello_la_LIBADD = otel/libotel.la
