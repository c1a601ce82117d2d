# SPDX-License-Identifier: Apache-2.0
# The program behind `cupola workshop`, found by cupola in $(libexecdir)/cupola.
workshopexecdir = $(libexecdir)/cupola
workshopexec_PROGRAMS = %D%/cupola-workshop
workshop_tool_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/host $(JANSSON_CFLAGS) $(CURL_CFLAGS)
noinst_LTLIBRARIES += %D%/libworkshop.la
%C%_libworkshop_la_CPPFLAGS = $(workshop_tool_cppflags)
%C%_libworkshop_la_SOURCES = %D%/tool.c %D%/tool.h %D%/backup.c %D%/backup.h %D%/build.c %D%/build.h %D%/check-step.c %D%/check-step.h \
	%D%/copy.c %D%/copy.h %D%/course.c %D%/course.h %D%/crash.c %D%/crash.h %D%/diff.c %D%/diff.h %D%/doctor.c %D%/doctor.h %D%/doctor-build.c %D%/doctor-machine.c %D%/doctor-around.c \
	%D%/fault.c %D%/files.c %D%/files.h %D%/hint.c %D%/hint.h %D%/hosting.c %D%/hosting.h %D%/job.c %D%/job.h %D%/ports.c %D%/ports.h \
	%D%/progress.c %D%/progress.h %D%/rewind.c %D%/running.c %D%/running.h %D%/session.c %D%/session-work.c %D%/session.h %D%/session-priv.h \
	%D%/solution.c %D%/start.c %D%/state.c %D%/state.h %D%/term.c %D%/term.h %D%/tour.c %D%/watcher.c %D%/watcher.h
%C%_cupola_workshop_SOURCES = %D%/main.c
%C%_cupola_workshop_CPPFLAGS = $(workshop_tool_cppflags)
# Of the host it takes what reads host.conf, and what allocates; the linker leaves the rest.
workshop_tool_ldadd = %D%/libworkshop.la host/libhost.la $(JANSSON_LIBS) $(CURL_LIBS)
%C%_cupola_workshop_LDADD = $(workshop_tool_ldadd)
%C%_cupola_workshop_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed -Wl,-rpath,'$$ORIGIN/../../lib'
