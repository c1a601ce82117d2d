/* SPDX-License-Identifier: Apache-2.0 */
/*
 * by-hand - a program that sets up tracing by itself, and makes one span.
 *
 *	make -C by-hand && by-hand/by-hand
 *
 * In a service of Cupola the host does all of this, and hands out the tracer.
 */
#include <stdio.h>

#include <otel/sdk.h>

int
main(void)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_config config;
	struct otel_resource *resource = NULL;
	struct otel_pipeline *pipeline = NULL;
	struct otel_tracer_provider *provider = NULL;
	int r;

	/* How: by OTLP, each span as soon as it has ended. OTEL_EXPORTER_OTLP_ENDPOINT says where to. */
	otel_config_init(&config);
	config.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_OTLP;
	config.signal[OTEL_SIGNAL_TRACES].processor = OTEL_PROCESSOR_SIMPLE;
	otel_config_from_env(&config);

	/* Who speaks, what carries it away, and where tracers come from. */
	r = otel_resource_new(OTEL_ATTRIBUTES(OTEL_STR("service.name", "by-hand")), NULL,
	                      &resource, &err);
	if (r == 0)
		r = otel_pipeline_new(&config, &pipeline, &err);
	if (r == 0)
		r = otel_tracer_provider_new(pipeline, resource, NULL, 0, &provider,
		                             &err);
	if (r == 0) {
		struct otel_scope_data scope = { .name = "by-hand", .version = "1.0.0" };
		struct otel_tracer *tracer = otel_tracer_provider_tracer(provider,
		                                                         &scope);

		OTEL_SPAN(span, tracer, "saying-hello");
		printf("Hello, telemetry\n");
	}

	/* Nothing may be left behind when the program ends. */
	if (r == 0)
		r = otel_pipeline_shutdown(pipeline, 5000);
	if (r < 0)
		fprintf(stderr, "by-hand: %s\n", err.message);
	otel_tracer_provider_free(provider);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
	return r < 0;
}
