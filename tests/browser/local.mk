# SPDX-License-Identifier: Apache-2.0
# Pages in Debian's chromium. CUPOLA_SCREENSHOTS=DIR keeps what it saw.
dist_check_SCRIPTS += %D%/test-pages.py
if HAVE_PYTHON3
TESTS += %D%/test-pages.py
endif
