# SPDX-License-Identifier: Apache-2.0

otel_test_cppflags = $(test_cppflags) -I$(top_srcdir)/otel -I$(top_srcdir)/tests/otel
otel_test_ldadd = otel/libotel-all.la $(CHECK_LIBS)
EXTRA_DIST += %D%/meter-fixture.h
meter_tests = %D%/test-meter %D%/test-meter-exemplar %D%/test-meter-threads %D%/test-meter-memory \
	%D%/test-meter-pipeline %D%/test-prometheus
check_PROGRAMS += $(meter_tests)
TESTS += $(meter_tests)
%C%_test_meter_exemplar_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_exemplar_LDADD = $(otel_test_ldadd)
%C%_test_meter_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_LDADD = $(otel_test_ldadd)
%C%_test_meter_threads_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_threads_LDADD = $(otel_test_ldadd)
%C%_test_meter_memory_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_memory_LDADD = $(otel_test_ldadd)
%C%_test_meter_pipeline_CPPFLAGS = $(otel_test_cppflags)
%C%_test_meter_pipeline_LDADD = $(otel_test_ldadd)
%C%_test_prometheus_CPPFLAGS = $(otel_test_cppflags)
%C%_test_prometheus_LDADD = $(otel_test_ldadd)
# traces, logs and what they stand on
EXTRA_DIST += tests/fake/pipeline.h
core_tests = \
	%D%/test-baggage %D%/test-context %D%/test-diag %D%/test-log %D%/test-propagation %D%/test-resource \
	%D%/test-sampler %D%/test-span %D%/test-thread %D%/test-value
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
%C%_test_baggage_CPPFLAGS = $(otel_test_cppflags)
%C%_test_baggage_LDADD = $(otel_test_ldadd)
%C%_test_context_CPPFLAGS = $(otel_test_cppflags)
%C%_test_context_LDADD = $(otel_test_ldadd)
%C%_test_diag_CPPFLAGS = $(otel_test_cppflags)
%C%_test_diag_LDADD = $(otel_test_ldadd)
%C%_test_log_CPPFLAGS = $(otel_test_cppflags)
%C%_test_log_LDADD = $(otel_test_ldadd)
%C%_test_propagation_CPPFLAGS = $(otel_test_cppflags)
%C%_test_propagation_LDADD = $(otel_test_ldadd)
%C%_test_resource_CPPFLAGS = $(otel_test_cppflags)
%C%_test_resource_LDADD = $(otel_test_ldadd)
%C%_test_sampler_CPPFLAGS = $(otel_test_cppflags)
%C%_test_sampler_LDADD = $(otel_test_ldadd)
%C%_test_span_CPPFLAGS = $(otel_test_cppflags)
%C%_test_span_LDADD = $(otel_test_ldadd)
%C%_test_thread_CPPFLAGS = $(otel_test_cppflags)
%C%_test_thread_LDADD = $(otel_test_ldadd)
%C%_test_value_CPPFLAGS = $(otel_test_cppflags)
%C%_test_value_LDADD = $(otel_test_ldadd)
# from configuration to the wire
EXTRA_DIST += %D%/otlp-receiver.h
export_tests = %D%/test-config %D%/test-console %D%/test-queue %D%/test-otlp-encode %D%/test-otlp-client %D%/test-pipeline
check_PROGRAMS += $(export_tests)
TESTS += $(export_tests)
%C%_test_config_CPPFLAGS = $(otel_test_cppflags)
%C%_test_config_LDADD = $(otel_test_ldadd)
%C%_test_queue_CPPFLAGS = $(otel_test_cppflags)
%C%_test_queue_LDADD = $(otel_test_ldadd)
%C%_test_otlp_encode_CPPFLAGS = $(otel_test_cppflags) $(otlp_proto_cppflags) $(JANSSON_CFLAGS)
%C%_test_otlp_encode_LDADD = $(otel_test_ldadd)
%C%_test_pipeline_CPPFLAGS = $(otel_test_cppflags)
%C%_test_pipeline_LDADD = $(otel_test_ldadd)
%C%_test_otlp_client_CPPFLAGS = $(otel_test_cppflags) $(otlp_proto_cppflags) $(NGHTTP2_CFLAGS)
%C%_test_otlp_client_LDADD = $(otel_test_ldadd) $(NGHTTP2_LIBS)
%C%_test_console_CPPFLAGS = $(otel_test_cppflags)
%C%_test_console_LDADD = $(otel_test_ldadd)
