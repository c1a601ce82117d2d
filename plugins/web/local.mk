# SPDX-License-Identifier: Apache-2.0
# What services with pages share; linked into each of them.
noinst_LTLIBRARIES += %D%/libweb.la
%C%_libweb_la_SOURCES = %D%/files.c %D%/files.h %D%/origin.c %D%/origin.h
%C%_libweb_la_CPPFLAGS = $(plugin_cppflags)
