/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/symbolise.h - the helper `cupola --symbolise`: a crash record on stdin becomes JSON on stdout.
 *
 *	{"plugin":"hello",	"" : none of a service's code was running
 *	 "crash":{"what":"segmentation fault","function":"hello_handle",...},	as docs/lifecycle.md has it
 *	 "log":"SIGSEGV at plugins/hello/app.c:31 (hello_handle), address 0x0, in span greeting of trace 4bf9...
 *		#0 hello_handle at plugins/hello/app.c:31
 *		#1 ..."}
 */
#ifndef HOST_SYMBOLISE_H
#define HOST_SYMBOLISE_H

/* Reads a struct worker_crash and the text of /proc/PID/maps behind it from `fd`. Returns the exit status. */
int host_symbolise_main(int fd);

#endif
