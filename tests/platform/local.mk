# SPDX-License-Identifier: Apache-2.0
# The telemetry platform: its files as they are, and with the programs that they are for where those are at hand.
PLATFORM_TESTS = %D%/test-compose.py %D%/test-platform.py
dist_check_SCRIPTS += $(PLATFORM_TESTS)
dist_noinst_SCRIPTS += %D%/run %D%/install
EXTRA_DIST += %D%/backends.py %D%/otelcol/main.go %D%/otelcol/go.mod.in
if HAVE_PYTHON3
TESTS += $(PLATFORM_TESTS)
endif
