# SPDX-License-Identifier: Apache-2.0
# The course. What a learner edits is made from the shipped plugins and marks, for each step (stage.awk).
workshopdir = $(pkgdatadir)/workshop
workshop_text = %D%/README.md %D%/introduction.md %D%/tour.md %D%/section-0-resource.md %D%/section-1-logging.md \
	%D%/section-2-metrics.md %D%/section-3-tracing.md %D%/section-4-tying-together.md %D%/wrap-up.md \
	%D%/names.md %D%/platform.md %D%/INSTRUCTOR.md
dist_workshop_DATA = %D%/steps.json $(workshop_text)
dist_noinst_SCRIPTS += %D%/cut-stage

workshop_marks = %D%/marks/host.conf.marks %D%/marks/by-hand.marks %D%/marks/iss-distance-service.marks \
	%D%/marks/gateway.marks %D%/marks/geolocator-service.marks %D%/marks/frontend.marks
workshop_shipped = %D%/copy/host.conf %D%/copy/by-hand/by-hand.c plugins/iss-distance-service/app.c \
	plugins/gateway/app.c plugins/geolocator-service/app.c plugins/frontend/app.c
EXTRA_DIST += %D%/cut.py %D%/stage.awk $(workshop_marks) %D%/copy/host.conf %D%/copy/by-hand/by-hand.c
%D%/stages/.stamp: %D%/stage.awk %D%/cut-stage %D%/steps.json $(workshop_marks) $(workshop_shipped)
	$(AM_V_GEN)rm -rf %D%/stages && AWK='$(AWK)' $(srcdir)/%D%/cut-stage all %D%/stages && touch $@
noinst_DATA += %D%/stages/.stamp

# The working copy: Makefiles, and the sources that nobody edits, as they are in plugins/.
workshop_copy = %D%/copy/README.md %D%/copy/by-hand/Makefile %D%/copy/lib/Makefile \
	%D%/copy/iss-distance-service/Makefile %D%/copy/gateway/Makefile \
	%D%/copy/geolocator-service/Makefile %D%/copy/frontend/Makefile
EXTRA_DIST += $(workshop_copy) %D%/pictures
INSTALL_HOOKS += install-workshop
install-workshop: %D%/stages/.stamp
	@to="$(DESTDIR)$(workshopdir)"; rm -rf "$$to/stages" "$$to/copy" "$$to/pictures"; \
	$(MKDIR_P) "$$to/pictures"; \
	for file in $(srcdir)/%D%/pictures/*.svg $(srcdir)/%D%/pictures/*.png; do \
		test ! -e $$file || $(INSTALL_DATA) $$file "$$to/pictures/" || exit 1; \
	done; \
	for step in %D%/stages/*; do \
		for file in host.conf by-hand/by-hand.c iss-distance-service/app.c gateway/app.c geolocator-service/app.c frontend/app.c; do \
			$(INSTALL) -D -m 644 $$step/$$file "$$to/stages/$${step##*/}/$$file" || exit 1; \
		done; \
	done; \
	for file in $(workshop_copy); do \
		$(INSTALL) -D -m 644 $(srcdir)/$$file "$$to/$${file#%D%/}" || exit 1; \
	done; \
	for service in iss-distance-service geolocator-service frontend; do \
		for file in $(srcdir)/plugins/$$service/*.[ch]; do \
			case $$file in */app.c) ;; *) $(INSTALL_DATA) $$file "$$to/copy/$$service/" || exit 1 ;; esac; \
		done; \
	done; \
	$(INSTALL_DATA) $(srcdir)/plugins/space/*.[ch] $(srcdir)/plugins/web/*.[ch] "$$to/copy/lib/"
UNINSTALL_HOOKS += uninstall-workshop
uninstall-workshop:
	rm -rf "$(DESTDIR)$(workshopdir)/stages" "$(DESTDIR)$(workshopdir)/copy" "$(DESTDIR)$(workshopdir)/pictures"
	-rmdir "$(DESTDIR)$(workshopdir)" 2>/dev/null
CLEAN_HOOKS += clean-stages
clean-stages:
	-rm -rf %D%/stages
.PHONY: install-workshop uninstall-workshop clean-stages

# What decides whether a step is solved; a new file in the folder is installed without being named here.
EXTRA_DIST += %D%/checks
INSTALL_HOOKS += install-checks
install-checks:
	@$(MKDIR_P) "$(DESTDIR)$(workshopdir)/checks" && rm -f "$(DESTDIR)$(workshopdir)"/checks/*.json
	@$(INSTALL_DATA) $(srcdir)/%D%/checks/*.json "$(DESTDIR)$(workshopdir)/checks/"
UNINSTALL_HOOKS += uninstall-checks
uninstall-checks:
	rm -rf "$(DESTDIR)$(workshopdir)/checks"
.PHONY: install-checks uninstall-checks

# The program behind `cupola workshop`.
include %D%/tool/local.mk
