# SPDX-License-Identifier: Apache-2.0
# The program as it would be installed, below the build folder; it finds its parts beside itself.
stage/.stamp: all-am FORCE
	@$(MAKE) $(AM_MAKEFLAGS) -s install DESTDIR='$(abs_builddir)/stage' >stage.log 2>&1 || { cat stage.log; exit 1; }
	@touch $@
FORCE:
.PHONY: FORCE
check_DATA += stage/.stamp
CLEANFILES += stage.log
INTEGRATION_TESTS = %D%/test-application.py %D%/test-check.py %D%/test-reload.py %D%/test-crash.py %D%/test-harm.py \
	%D%/test-master.py %D%/test-card.py %D%/test-apply.py %D%/test-guide.py \
	%D%/test-bad-plugins.py %D%/test-memcheck.py
dist_check_SCRIPTS += $(INTEGRATION_TESTS)
EXTRA_DIST += %D%/cupola.py %D%/load.py %D%/guide.py %D%/bad-plugin.c
if HAVE_PYTHON3
TESTS += $(INTEGRATION_TESTS)
endif
