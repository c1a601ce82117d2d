# SPDX-License-Identifier: Apache-2.0
# Decoders of OTLP, generated at build time and carried by the tarball. Whoever decodes links
# libotlp-proto.la statically (the SDK for answers, a receiver for requests); nothing of it is exported.
otlp_proto_files = \
	%D%/common.proto %D%/resource.proto %D%/trace.proto %D%/metrics.proto %D%/logs.proto \
	%D%/trace_service.proto %D%/metrics_service.proto %D%/logs_service.proto %D%/rpc_status.proto
otlp_proto_built = \
	%D%/common.pb-c.c %D%/resource.pb-c.c %D%/trace.pb-c.c %D%/metrics.pb-c.c %D%/logs.pb-c.c \
	%D%/trace_service.pb-c.c %D%/metrics_service.pb-c.c %D%/logs_service.pb-c.c %D%/rpc_status.pb-c.c \
	%D%/common.pb-c.h %D%/resource.pb-c.h %D%/trace.pb-c.h %D%/metrics.pb-c.h %D%/logs.pb-c.h \
	%D%/trace_service.pb-c.h %D%/metrics_service.pb-c.h %D%/logs_service.pb-c.h %D%/rpc_status.pb-c.h
# For all who include the generated headers; also needed before anything is compiled.
otlp_proto_cppflags = -I%D% -I$(top_srcdir)/%D% $(PROTOBUFC_CFLAGS)
BUILT_SOURCES += $(otlp_proto_built)
MAINTAINERCLEANFILES += $(otlp_proto_built)
EXTRA_DIST += $(otlp_proto_files)

noinst_LTLIBRARIES += %D%/libotlp-proto.la
%C%_libotlp_proto_la_SOURCES = $(otlp_proto_built)
%C%_libotlp_proto_la_CPPFLAGS = $(AM_CPPFLAGS) $(otlp_proto_cppflags)
# The generator casts const away; that is not ours to mend.
%C%_libotlp_proto_la_CFLAGS = $(AM_CFLAGS) -Wno-cast-qual
%C%_libotlp_proto_la_LIBADD = $(PROTOBUFC_LIBS)

# protoc-c writes both files at once; the header's rule only says so.
otlp_protoc = $(AM_V_GEN)$(MKDIR_P) %D% && $(PROTOC_C) -I $(top_srcdir)/%D% --c_out=%D%
%D%/common.pb-c.c: %D%/common.proto
	$(otlp_protoc) common.proto
%D%/common.pb-c.h: %D%/common.pb-c.c
%D%/resource.pb-c.c: %D%/resource.proto
	$(otlp_protoc) resource.proto
%D%/resource.pb-c.h: %D%/resource.pb-c.c
%D%/trace.pb-c.c: %D%/trace.proto
	$(otlp_protoc) trace.proto
%D%/trace.pb-c.h: %D%/trace.pb-c.c
%D%/metrics.pb-c.c: %D%/metrics.proto
	$(otlp_protoc) metrics.proto
%D%/metrics.pb-c.h: %D%/metrics.pb-c.c
%D%/logs.pb-c.c: %D%/logs.proto
	$(otlp_protoc) logs.proto
%D%/logs.pb-c.h: %D%/logs.pb-c.c
%D%/trace_service.pb-c.c: %D%/trace_service.proto
	$(otlp_protoc) trace_service.proto
%D%/trace_service.pb-c.h: %D%/trace_service.pb-c.c
%D%/metrics_service.pb-c.c: %D%/metrics_service.proto
	$(otlp_protoc) metrics_service.proto
%D%/metrics_service.pb-c.h: %D%/metrics_service.pb-c.c
%D%/logs_service.pb-c.c: %D%/logs_service.proto
	$(otlp_protoc) logs_service.proto
%D%/logs_service.pb-c.h: %D%/logs_service.pb-c.c
%D%/rpc_status.pb-c.c: %D%/rpc_status.proto
	$(otlp_protoc) rpc_status.proto
%D%/rpc_status.pb-c.h: %D%/rpc_status.pb-c.c
