/* SPDX-License-Identifier: Apache-2.0 */
/* otel/resource_priv.h - which semantic conventions the SDK's own attributes follow. */
#ifndef OTEL_RESOURCE_PRIV_H
#define OTEL_RESOURCE_PRIV_H

#include <otel/sdk.h>

#define OTELP_SCHEMA_URL "https://opentelemetry.io/schemas/1.37.0"

/*
 * Makes a resource of "k=v,k=v" as OTEL_RESOURCE_ATTRIBUTES has it: values are percent-decoded. -EINVAL
 * for anything else: a list that is half right is not used at all.
 */
int otelp_resource_parse(const char *text, struct otel_resource **out,
                         struct otel_error *err);

#endif
