/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/control.h - what is asked over the control socket, one JSON object a line each way.
 *
 *	{"do":"status"}                   {"ok":true,"status":{"pid","uptime_ms","processes":[...],"plugins":[...]}}
 *	{"do":"reload","plugin":NAME}     {"ok":true,"generation":n,...} or {"error":TEXT}
 *	{"do":"reload"}                   reads host.conf again and applies the difference:
 *	                                  {"ok":true,"changes":[LINE...],"results":[{"plugin","change",...}]},
 *	                                  "error" when a part was refused; when the file has a mistake, "error"
 *	                                  and "problems":[LINE...] alone. change: reloaded, kept, loaded,
 *	                                  unloaded, refused, or words
 *	{"do":"flush"}                    telemetry that waits is sent, metrics are collected: {"ok":true}
 *	{"do":"stop"}                     {"ok":true,"pid":n}; the connection ends when the host has ended
 *	{"do":"load","conf":{...}}        a plugin that is in no file, as long as the connection lives:
 *	                                  {"ok":true,"listen":["127.0.0.1:5000"],...}; then reload it by name
 *
 * Only the same user and root may connect. Answers come in the order in which they are ready, and carry
 * the "id" of the question when it had one.
 */
#ifndef HOST_CONTROL_H
#define HOST_CONTROL_H

#include <otel/error.h>

struct json_t;

/*
 * For the commands: sends `message` (taken) over `fd`, blocking, and waits for one line of answer. 0 and an
 * owned *answer; -errno with *err, -EPIPE when the host ended first.
 */
OTEL_MUST_USE int host_control_ask(int fd, struct json_t *message, struct json_t **answer,
                                   struct otel_error *err);

#endif
