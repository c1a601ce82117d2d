# SPDX-License-Identifier: Apache-2.0
# An edited host.conf is never overwritten: the new one is laid beside it.
EXTRA_DIST += %D%/host.conf %D%/cupola.service.in
INSTALL_HOOKS += install-host-conf
install-host-conf:
	@$(MKDIR_P) "$(DESTDIR)$(confdir)"
	@conf="$(DESTDIR)$(confdir)/host.conf"; rm -f "$$conf.new"; \
	if test ! -e "$$conf"; then $(INSTALL_DATA) $(srcdir)/%D%/host.conf "$$conf"; \
	elif cmp -s $(srcdir)/%D%/host.conf "$$conf"; then :; \
	else $(INSTALL_DATA) $(srcdir)/%D%/host.conf "$$conf.new"; \
		echo "$$conf was edited and stays as it is; the shipped one is $$conf.new"; fi
UNINSTALL_HOOKS += uninstall-host-conf
uninstall-host-conf:
	@conf="$(DESTDIR)$(confdir)/host.conf"; rm -f "$$conf.new"; \
	if cmp -s $(srcdir)/%D%/host.conf "$$conf"; then rm -f "$$conf"; fi; \
	rmdir "$(DESTDIR)$(confdir)" 2>/dev/null || :
.PHONY: install-host-conf uninstall-host-conf

# The unit file, where --with-systemdsystemunitdir says.
%D%/cupola.service: %D%/cupola.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's|@bindir[@]|$(bindir)|' -e 's|@confdir[@]|$(confdir)|' \
		$(srcdir)/%D%/cupola.service.in > $@-t && mv $@-t $@
CLEANFILES += %D%/cupola.service
if INSTALL_UNIT
systemdsystemunit_DATA = %D%/cupola.service
endif

# What the platform is made of; it is used from the source tree, and not installed.
EXTRA_DIST += docker-compose.yml docker-compose-services.yml Dockerfile .dockerignore .devcontainer/devcontainer.json docs/platform.md \
	%D%/otel-collector/config.yaml %D%/prometheus/prometheus.yml %D%/loki/loki.yaml %D%/tempo/tempo.yaml %D%/jaeger/config.yaml \
	%D%/grafana/provisioning/datasources/datasources.yaml %D%/grafana/provisioning/dashboards/dashboards.yaml \
	%D%/grafana/dashboards/application.json %D%/grafana/dashboards/host.json \
	%D%/docker/host.conf %D%/docker/rebuild %D%/docker/workshop
