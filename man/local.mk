# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += %D%/cupola.1 %D%/cupola-workshop.1 %D%/host.conf.5
