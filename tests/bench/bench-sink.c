/* SPDX-License-Identifier: Apache-2.0 */
/* bench-sink - takes OTLP and forgets it, so that what sends can be measured. Prints its port; ends with its input. */
#include <signal.h>

#include "bench-receiver.h"

int
main(void)
{
	int port;
	pid_t pid = bench_receiver(&port);

	printf("%d\n", port);
	fflush(stdout);
	while (getchar() != EOF)
		;
	kill(pid, SIGTERM);
	return 0;
}
