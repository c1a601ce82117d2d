/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/conf-diff.h - what differs between two configurations: for who applies the difference, and in words.
 */
#ifndef HOST_CONF_DIFF_H
#define HOST_CONF_DIFF_H

#include <stdbool.h>

struct host_conf;
struct host_plugin;
struct json_t;

/* The lines of a file do not count in any of these, nor do [host]'s keys that a running host never changes. */

/* Something of [host] or [telemetry] that is read once, when a process starts. [any] */
bool host_conf_needs_processes(const struct host_conf *old, const struct host_conf *new);
/* [telemetry] or [resource]. [any] */
bool host_conf_same_telemetry(const struct host_conf *old, const struct host_conf *new);
/* What remains of [host], and the two above. [any] */
bool host_conf_same(const struct host_conf *old, const struct host_conf *new);
/* Of one section, without its telemetry; and only that, its own or [telemetry]'s. [any] */
bool host_plugin_same(const struct host_plugin *old, const struct host_plugin *new);
bool host_plugin_same_telemetry(const struct host_plugin *old,
                                const struct host_plugin *new);

/*
 * A JSON array of lines, "[plugin gateway] logs = otlp, was none". What may be secret (headers, services'
 * own settings) is named without its value. Owned. [any]
 */
struct json_t *host_conf_diff(const struct host_conf *old, const struct host_conf *new);

#endif
