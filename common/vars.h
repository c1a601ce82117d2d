/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/vars.h - what `cupola check` and the station both read in a check file: ${names} and durations.
 * docs/checking.md says what they mean. [any]
 */
#ifndef COMMON_VARS_H
#define COMMON_VARS_H

#include <jansson.h>
#include <stddef.h>

#include <otel/error.h>

/* Of a name, its end included. */
#define VARS_NAME_MAX 128
/* Of a text with its values, in bytes: small texts may name large values many times. */
#define VARS_TEXT_MAX ((size_t)256 << 10)

/*
 * `text` with its ${names} replaced by members of the object `values`; $$ is $. A text that is one
 * ${name} alone becomes that value with its type. 0 and an owned *out; -ENOENT with the name that has no
 * value in `name`; -EINVAL when a ${ is not ended, or the name is too long; -E2BIG when it becomes longer than
 * VARS_TEXT_MAX; -ENOMEM.
 */
OTEL_MUST_USE int vars_expand(const char *text, const json_t *values, json_t **out,
                              char name[VARS_NAME_MAX]);

/* Reads "500ms", "5s", "2m", "1h"; also "10us", "3ns". 0 and *ns, or -EINVAL. */
OTEL_MUST_USE int vars_duration(const char *text, double *ns);

#endif
