/* SPDX-License-Identifier: Apache-2.0 */
#include <cupola/service.h>

const char host_version[] = PACKAGE_VERSION;
