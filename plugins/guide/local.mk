# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += %D%/guide.la
%C%_guide_la_SOURCES = %D%/app.c %D%/copy.c %D%/copy.h %D%/course.c %D%/course.h %D%/markdown.c %D%/markdown.h %D%/markdown-links.c \
	%D%/markdown-nodes.h %D%/page.c \
	%D%/run.c %D%/run.h %D%/tint.c %D%/tint.h
%C%_guide_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/web $(CMARK_CFLAGS) $(JANSSON_CFLAGS)
%C%_guide_la_LDFLAGS = $(plugin_ldflags)
%C%_guide_la_LIBADD = plugins/web/libweb.la otel/libotel.la $(CMARK_LIBS) $(JANSSON_LIBS)
