/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no service. */
#include <otel/error.h>

OTEL_EXPORT int no_service(void);

int
no_service(void)
{
	return 0;
}
