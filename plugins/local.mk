# SPDX-License-Identifier: Apache-2.0
# A service sees installed headers only: the SDK's and the contract's. It exports one symbol, svc_plugin.
plugin_cppflags = -include config.h -I$(top_srcdir)/otel/include -I$(top_builddir)/otel/include -I$(top_srcdir)/host/include
plugin_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared
if HAVE_LD_VERSION_SCRIPT
plugin_ldflags += -Wl,--version-script=$(top_srcdir)/plugins/plugin.map
endif
EXTRA_DIST += plugins/plugin.map

include plugins/web/local.mk
include plugins/space/local.mk
include plugins/hello/local.mk
include plugins/frontend/local.mk
include plugins/gateway/local.mk
include plugins/geolocator-service/local.mk
include plugins/iss-distance-service/local.mk
include plugins/upstream/local.mk
include plugins/propagation_probe/local.mk
include plugins/station/local.mk
include plugins/guide/local.mk
