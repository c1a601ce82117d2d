# SPDX-License-Identifier: Apache-2.0
# Pages as they are: plain ES modules and CSS. What is shared is installed beside each page.
shared_files = %D%/shared/tokens.css %D%/shared/dom.js %D%/shared/format.js %D%/shared/theme.js
app_files = %D%/app/index.html %D%/app/app.css %D%/app/icon.svg %D%/app/land.json
app_js = %D%/app/js/main.js %D%/app/js/api.js %D%/app/js/answer.js %D%/app/js/geo.js %D%/app/js/map.js %D%/app/js/search.js
appdir = $(pkgdatadir)/frontend/app
appjsdir = $(appdir)/js
appshareddir = $(appdir)/shared
dist_app_DATA = $(app_files)
dist_appjs_DATA = $(app_js)
dist_appshared_DATA = $(shared_files)

station_page_files = %D%/station/index.html %D%/station/station.css %D%/station/trace.css %D%/station/signals.css %D%/station/icon.svg
station_page_js = %D%/station/js/main.js %D%/station/js/route.js %D%/station/js/data.js %D%/station/js/otlp.js %D%/station/js/parts.js \
	%D%/station/js/states.js %D%/station/js/overview.js %D%/station/js/sparkline.js %D%/station/js/traces.js \
	%D%/station/js/trace.js %D%/station/js/tree.js %D%/station/js/waterfall.js %D%/station/js/span-panel.js \
	%D%/station/js/logs.js %D%/station/js/metrics.js %D%/station/js/lines.js %D%/station/js/units.js %D%/station/js/chart.js \
	%D%/station/js/receiver.js %D%/station/js/crash.js %D%/station/js/histogram.js %D%/station/js/hover.js %D%/station/js/markers.js \
	%D%/station/js/metric.js %D%/station/js/notices.js %D%/station/js/service.js %D%/station/js/streams.js %D%/station/js/timeline.js
stationpagedir = $(pkgdatadir)/frontend/station
stationpagejsdir = $(stationpagedir)/js
stationpageshareddir = $(stationpagedir)/shared
dist_stationpage_DATA = $(station_page_files)
dist_stationpagejs_DATA = $(station_page_js)
dist_stationpageshared_DATA = $(shared_files)

guide_page_files = %D%/guide/page.html %D%/guide/guide.css %D%/guide/text.css %D%/guide/steps.css %D%/guide/print.css %D%/guide/icon.svg
guide_page_js = %D%/guide/js/main.js %D%/guide/js/api.js %D%/guide/js/checks.js %D%/guide/js/code.js %D%/guide/js/find.js %D%/guide/js/keys.js \
	%D%/guide/js/notices.js %D%/guide/js/places.js %D%/guide/js/progress.js %D%/guide/js/sure.js
guidepagedir = $(pkgdatadir)/frontend/guide
guidepagejsdir = $(guidepagedir)/js
guidepageshareddir = $(guidepagedir)/shared
dist_guidepage_DATA = $(guide_page_files)
dist_guidepagejs_DATA = $(guide_page_js)
dist_guidepageshared_DATA = $(shared_files)
