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
