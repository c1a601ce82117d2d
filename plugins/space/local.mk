# SPDX-License-Identifier: Apache-2.0
# What upstream and frontend share: the station's orbit and the places of the world.
noinst_LTLIBRARIES += %D%/libspace.la
%C%_libspace_la_CPPFLAGS = $(plugin_cppflags)
%C%_libspace_la_SOURCES = \
	%D%/countries.c %D%/countries.h \
	%D%/fold.c %D%/fold.h \
	%D%/gazetteer.c %D%/gazetteer.h \
	%D%/satellite.c %D%/satellite.h \
	%D%/sgp4.c %D%/sgp4.h \
	%D%/tle.c %D%/tle.h
