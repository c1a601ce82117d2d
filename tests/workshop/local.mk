# SPDX-License-Identifier: Apache-2.0
# The course: its stages and checks, its tool, its text, and its commands, against a staged installation.
WORKSHOP_TESTS = %D%/test-course.py %D%/test-wrong-answers.py %D%/test-tool.py %D%/test-session.py %D%/test-stages.py \
	%D%/test-text.py %D%/test-commands.py %D%/test-shots.py
dist_check_SCRIPTS += $(WORKSHOP_TESTS)
EXTRA_DIST += %D%/course.py %D%/working_copy.py %D%/interfere.c %D%/pages.py %D%/learner.py
if HAVE_PYTHON3
TESTS += $(WORKSHOP_TESTS)
endif
CLEANFILES += %D%/interfere.so

check_PROGRAMS += %D%/test-build-words
TESTS += %D%/test-build-words
%C%_test_build_words_CPPFLAGS = $(test_cppflags) $(workshop_tool_cppflags) -I$(top_srcdir)/workshop/tool
%C%_test_build_words_LDADD = $(workshop_tool_ldadd) $(CHECK_LIBS)
