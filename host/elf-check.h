/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/elf-check.h - whether a file is a whole shared object that this process can load.
 *
 * dlopen() of a truncated file ends in SIGBUS and not in an error, so its headers are read first, by
 * pread() alone: nothing is mapped, and no number of the file is believed before it was held against the
 * file's size.
 */
#ifndef HOST_ELF_CHECK_H
#define HOST_ELF_CHECK_H

#include <stdbool.h>

#include <otel/error.h>

struct elf_facts {
	bool nodelete; /* DF_1_NODELETE: dlclose() would not unload it */
	bool threads;  /* imports a function that makes threads or thread-specific keys */
};

/*
 * `name` is for messages. 0 and *facts (which may be NULL), -ENOEXEC for what is not a whole shared object
 * of this machine, or what reading said. [any]
 */
OTEL_MUST_USE int elf_check(int fd, const char *name, struct elf_facts *facts,
                            struct otel_error *err);

#endif
