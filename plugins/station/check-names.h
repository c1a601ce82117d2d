/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-names.h - attributes whose names have changed since, and what they are called now. [any]
 */
#ifndef STATION_CHECK_NAMES_H
#define STATION_CHECK_NAMES_H

#include <stddef.h>

/* The stable name of a deprecated attribute; NULL when it is none. */
const char *check_stable_name(const char *old);
/* The i-th deprecated name of a stable one; NULL past the last. */
const char *check_old_name(const char *stable, size_t i);

#endif
