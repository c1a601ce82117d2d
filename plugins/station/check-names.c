/* SPDX-License-Identifier: Apache-2.0 */
/* From the registry of the semantic conventions, 1.37: what it marks as renamed, of the areas that are stable. */
#include "check-names.h"

#include <string.h>

static const struct {
	const char *old, *stable;
} names[] = {
	{ "http.method", "http.request.method" },
	{ "http.status_code", "http.response.status_code" },
	{ "response.status", "http.response.status_code" },
	{ "http.url", "url.full" },
	{ "http.target", "url.path" },
	{ "http.scheme", "url.scheme" },
	{ "http.host", "server.address" },
	{ "http.server_name", "server.address" },
	{ "http.client_ip", "client.address" },
	{ "http.user_agent", "user_agent.original" },
	{ "http.flavor", "network.protocol.version" },
	{ "http.request_content_length", "http.request.body.size" },
	{ "http.response_content_length", "http.response.body.size" },
	{ "http.request.header.content_length", "http.request.body.size" },
	{ "net.peer.name", "server.address" },
	{ "net.peer.port", "server.port" },
	{ "net.peer.ip", "network.peer.address" },
	{ "net.host.name", "server.address" },
	{ "net.host.port", "server.port" },
	{ "net.host.ip", "network.local.address" },
	{ "net.sock.peer.addr", "network.peer.address" },
	{ "net.sock.peer.port", "network.peer.port" },
	{ "net.sock.host.addr", "network.local.address" },
	{ "net.sock.host.port", "network.local.port" },
	{ "net.protocol.name", "network.protocol.name" },
	{ "net.protocol.version", "network.protocol.version" },
	{ "net.transport", "network.transport" },
	{ "deployment.environment", "deployment.environment.name" },
	{ "peer.service", "service.peer.name" },
	{ "db.system", "db.system.name" },
	{ "db.name", "db.namespace" },
	{ "db.statement", "db.query.text" },
	{ "db.operation", "db.operation.name" },
	{ "code.function", "code.function.name" },
	{ "code.filepath", "code.file.path" },
	{ "code.lineno", "code.line.number" },
	{ "messaging.operation", "messaging.operation.type" },
	{ "error.text", "error.type" },
	{ "library.name", "otel.scope.name" },
	{ "otel.library.name", "otel.scope.name" },
	{ "otel.library.version", "otel.scope.version" },
};
#define N_NAMES (sizeof names / sizeof *names)

const char *
check_stable_name(const char *old)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (!strcmp(names[i].old, old))
			return names[i].stable;
	return NULL;
}

const char *
check_old_name(const char *stable, size_t i)
{
	for (size_t k = 0; k < N_NAMES; k++)
		if (!strcmp(names[k].stable, stable) && i-- == 0)
			return names[k].old;
	return NULL;
}
