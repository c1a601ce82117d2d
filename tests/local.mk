# SPDX-License-Identifier: Apache-2.0
# Programs named test-* are run by `make check`; each mirrors one module of the tree.
EXTRA_DIST += tests/check-main.h tests/oom.h
shell_tests = %D%/check-exports.sh %D%/check-headers.sh
dist_check_SCRIPTS += $(shell_tests)
TESTS += $(shell_tests)
include tests/otel/local.mk
include tests/host/local.mk
include tests/plugins/local.mk
include tests/integration/local.mk
include tests/browser/local.mk
include tests/platform/local.mk
include tests/workshop/local.mk
include tests/bench/local.mk
include tests/fuzz/local.mk
