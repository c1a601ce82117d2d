/* SPDX-License-Identifier: Apache-2.0 */
/*
 * by-hand - a program that sets up tracing by itself, and makes one span.
 *
 *	make -C by-hand run
 *
 * The station takes it at http://127.0.0.1:4318; OTEL_EXPORTER_OTLP_ENDPOINT names another place.
 */
#include <stdio.h>
#include <string.h>

#include <otel/sdk.h>

int
main(void)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_scope_data scope = { .name = "by-hand" };
	struct otel_config config;
	struct otel_resource *resource;
	struct otel_pipeline *pipeline;
	struct otel_tracer_provider *provider;
	struct otel_tracer *tracer;
	int r;

	/* How spans leave: by OTLP, each as soon as it has ended. The environment may say otherwise. */
	otel_config_init(&config);
	config.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_OTLP;
	config.signal[OTEL_SIGNAL_TRACES].processor = OTEL_PROCESSOR_SIMPLE;
	otel_config_from_env(&config);

	/* Who speaks, what carries the spans away, and what makes tracers. */
	if (otel_resource_create(OTEL_ATTRIBUTES(OTEL_STR("service.name", "by-hand")),
	                         &resource, &err) < 0 ||
	    otel_pipeline_new(&config, &pipeline, &err) < 0 ||
	    otel_tracer_provider_new(pipeline, resource, NULL, 0, &provider, &err) < 0) {
		fprintf(stderr, "by-hand: %s\n", err.message);
		return 1;
	}
	tracer = otel_tracer_provider_tracer(provider, &scope);

	{
		OTEL_SPAN(span, tracer, "saying-hello"); /* to the end of this block */
		printf("Hello, telemetry\n");
		otel_span_set(span, OTEL_INT("greeting.count", 1));
	}

	/* A program that just ends loses what is still on its way: wait for it, for 5 s at most. */
	r = otel_pipeline_shutdown(pipeline, 5000);
	if (r < 0)
		fprintf(stderr, "by-hand: not all was sent: %s\n", strerror(-r));
	otel_tracer_provider_free(provider);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
	return r < 0;
}
