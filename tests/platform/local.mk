# SPDX-License-Identifier: Apache-2.0
# The telemetry platform: its files as they are, and with the programs that they are for where those are at hand.
PLATFORM_TESTS = %D%/test-compose.py
dist_check_SCRIPTS += $(PLATFORM_TESTS)
EXTRA_DIST += %D%/backends.py
if HAVE_PYTHON3
TESTS += $(PLATFORM_TESTS)
endif
