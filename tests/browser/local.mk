# SPDX-License-Identifier: Apache-2.0
# Pages in Debian's chromium. CUPOLA_SCREENSHOTS=DIR keeps what it saw.
BROWSER_TESTS = %D%/test-pages.py %D%/test-guide.py %D%/test-station.py %D%/test-course-screen.py
dist_check_SCRIPTS += $(BROWSER_TESTS)
EXTRA_DIST += %D%/browser.py tests/data/guide
if HAVE_PYTHON3
TESTS += $(BROWSER_TESTS)
endif
