# SPDX-License-Identifier: Apache-2.0
# The objects once, with every symbol visible to unit tests, then the library that exports what otel.map lists.
otelincludedir = $(includedir)/otel
otelinclude_HEADERS = \
	%D%/include/otel/error.h %D%/include/otel/value.h %D%/include/otel/context.h \
	%D%/include/otel/baggage.h %D%/include/otel/propagation.h %D%/include/otel/trace.h \
	%D%/include/otel/metrics.h %D%/include/otel/logs.h %D%/include/otel/sdk.h \
	%D%/include/otel/prometheus.h

# Keys and names of the semantic conventions, made at build time of a table (facts of the published
# conventions, version 1.44.0) and carried by the tarball. Needed before anything is compiled.
otelinclude_HEADERS += %D%/include/otel/semconv.h
BUILT_SOURCES += %D%/include/otel/semconv.h
MAINTAINERCLEANFILES += %D%/include/otel/semconv.h
EXTRA_DIST += %D%/semconv.awk %D%/semconv.tsv
%D%/include/otel/semconv.h: %D%/semconv.awk %D%/semconv.tsv
	$(AM_V_GEN)$(MKDIR_P) %D%/include/otel && \
	LC_ALL=C $(AWK) -f $(top_srcdir)/%D%/semconv.awk $(top_srcdir)/%D%/semconv.tsv >$@-t && mv $@-t $@

include %D%/proto/local.mk

noinst_LTLIBRARIES += %D%/libotel-all.la
otel_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/%D% $(otlp_proto_cppflags) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
%C%_libotel_all_la_CPPFLAGS = $(otel_cppflags)
%C%_libotel_all_la_LIBADD = %D%/proto/libotlp-proto.la $(CURL_LIBS) $(JANSSON_LIBS) $(PROTOBUFC_LIBS) $(ZLIB_LIBS) -lm
%C%_libotel_all_la_SOURCES = \
	%D%/pipeline_priv.h %D%/arena_priv.h %D%/attributes_priv.h %D%/clock_priv.h %D%/context_priv.h \
	%D%/percent_priv.h %D%/pool_priv.h %D%/provider_priv.h %D%/resource_priv.h %D%/ring_priv.h \
	%D%/sampler_priv.h %D%/span_priv.h %D%/thread_priv.h %D%/tracestate_priv.h %D%/value_priv.h \
	%D%/error.c %D%/alloc.c %D%/arena.c %D%/attributes.c %D%/baggage.c %D%/clock.c %D%/context.c \
	%D%/detect.c %D%/diag.c %D%/exception.c %D%/log.c %D%/percent.c %D%/pool.c %D%/propagate-b3.c %D%/propagate-baggage.c \
	%D%/propagate-tracecontext.c %D%/propagation.c %D%/provider.c %D%/resource.c %D%/sampler.c \
	%D%/span.c %D%/span-record.c %D%/thread.c %D%/tracer.c %D%/tracestate.c %D%/value.c
# from configuration to the wire
%C%_libotel_all_la_SOURCES += \
	%D%/otlp_priv.h %D%/config.c %D%/otlp-endpoint.c %D%/exporter-console.c %D%/exporter-otlp.c %D%/utf8.c \
	%D%/otlp-sort.c %D%/otlp-encode.c %D%/otlp-json.c \
	%D%/otlp-answer.c %D%/otlp_transfer_priv.h %D%/otlp-transfer.c %D%/otlp-verdict.c %D%/otlp-client.c %D%/gzip.c \
	%D%/lane_priv.h %D%/lane.c %D%/pipeline.c %D%/queue_priv.h %D%/queue.c
# metrics: streams that outlive their instruments
%C%_libotel_all_la_SOURCES += \
	%D%/meter_priv.h %D%/meter.c %D%/meter-stream.c %D%/meter-series.c %D%/meter-attributes.c \
	%D%/meter-exemplar.c %D%/meter-collect.c %D%/instrument.c %D%/instrument-observable.c \
	%D%/prometheus_priv.h %D%/prometheus.c %D%/prometheus-text.c

# Generated headers come first, also when one object is asked for by name.
%D%/otlp-answer.c: | $(otlp_proto_built)

# Threads and thread-exit handlers of the SDK must not lose their code when a program closes the library.
lib_LTLIBRARIES += %D%/libotel.la
%C%_libotel_la_SOURCES =
%C%_libotel_la_LIBADD = %D%/libotel-all.la
%C%_libotel_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info 0:0:0 -Wl,-z,nodelete
if HAVE_LD_VERSION_SCRIPT
%C%_libotel_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/%D%/otel.map
%C%_libotel_la_DEPENDENCIES = %D%/libotel-all.la $(top_srcdir)/%D%/otel.map
endif
EXTRA_DIST += %D%/otel.map
pkgconfig_DATA += %D%/otel.pc
