/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/service-request.h - a request, as the files that serve it see it.
 *
 *	service-request.c  its life: from exchange to fiber and back
 *	service-read.c     what the service reads of it
 *	service-reply.c    what the service answers
 */
#ifndef HOST_SERVICE_REQUEST_H
#define HOST_SERVICE_REQUEST_H

#include "service-priv.h"

enum awaited { NOTHING, BODY, ROOM };

struct parameter {
	const char *name, *value;
};

struct request {
	struct svc_request pub; /* first: what the service sees */
	struct service_work work;
	struct http_exchange *x;
	struct host_instrument_request trace;
	enum awaited awaited;
	bool running; /* the fiber has been made */
	bool streaming, replied, ended, gone, late;
	int status;  /* of the reply; 0: none */
	size_t read; /* bytes of a complete body that svc_request_read has given out */
	struct http_field *fields;
	size_t n_fields, max_fields;
	struct parameter *parameters;
	size_t n_parameters;
	bool parsed;
};

static inline struct request *
request_of(struct svc_request *pub)
{
	return (struct request *)pub;
}

static inline struct request *
request_of_work(struct service_work *work)
{
	return (struct request *)((char *)work - offsetof(struct request, work));
}

/* Suspends the handler until on_body or on_writable: 0 or -ECANCELED. [fiber] */
int service_request_await(struct request *r, enum awaited what);
/* The client has left while the handler runs: every call that may suspend says -ECANCELED from now on. */
void service_request_gone(struct request *r);
void service_read_functions(struct svc_host *host);
void service_reply_functions(struct svc_host *host);

#endif
