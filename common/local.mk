# SPDX-License-Identifier: Apache-2.0
# What the host and plugins both compile in: small, pure, of libc and jansson alone.
noinst_LTLIBRARIES += %D%/libcommon.la
%C%_libcommon_la_SOURCES = %D%/near.c %D%/near.h %D%/regex-size.c %D%/regex-size.h %D%/utf8.c %D%/utf8.h %D%/vars.c %D%/vars.h
%C%_libcommon_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_libcommon_la_LIBADD = $(JANSSON_LIBS)
