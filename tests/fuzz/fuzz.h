/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz.h - a fuzz target: one function of one input, which must neither crash nor lie.
 *
 * Each fuzz-NAME.c is linked twice: with replay.c into replay-NAME, which `make check` runs over
 * corpus/NAME, and, after `configure --enable-fuzzers` with clang, with libFuzzer into fuzz-NAME:
 *
 *	../configure CC=clang --enable-fuzzers --enable-sanitizers=address,undefined,fuzzer-no-link
 *	make tests/fuzz/fuzz-baggage && tests/fuzz/fuzz-baggage CORPUS -max_total_time=60
 *
 * An input that found a bug becomes a file of the corpus.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays in whatever NDEBUG says. */
#define FUZZ_CHECK(expression)     \
	do {                       \
		if (!(expression)) \
			abort();   \
	} while (0)

#endif
