# SPDX-License-Identifier: Apache-2.0
dist_pkgdata_DATA += %D%/data/cities.tsv %D%/data/iss.tle
EXTRA_DIST += %D%/data/README.md
