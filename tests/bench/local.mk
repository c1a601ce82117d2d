# SPDX-License-Identifier: Apache-2.0

# The HTTP server without the host, to be measured by hand beside nginx.
noinst_PROGRAMS += %D%/bench-http
%C%_bench_http_SOURCES = %D%/bench-http.c
%C%_bench_http_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/host $(EVENT_CFLAGS)
%C%_bench_http_LDADD = host/libhttp.la $(EVENT_LIBS)
# what the SDK costs, row by row
noinst_PROGRAMS += %D%/bench-sdk
BENCHES += %D%/bench-sdk
%C%_bench_sdk_SOURCES = %D%/bench-sdk.c
%C%_bench_sdk_LDADD = otel/libotel.la
# what it costs to send
noinst_PROGRAMS += %D%/bench-otlp
BENCHES += %D%/bench-otlp
%C%_bench_otlp_SOURCES = %D%/bench-otlp.c %D%/bench-receiver.h
%C%_bench_otlp_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/otel
%C%_bench_otlp_LDADD = otel/libotel-all.la
# what fibers, requests and outgoing calls cost
noinst_PROGRAMS += %D%/bench-runtime
BENCHES += %D%/bench-runtime
%C%_bench_runtime_SOURCES = %D%/bench-runtime.c
%C%_bench_runtime_CPPFLAGS = $(host_cppflags)
%C%_bench_runtime_LDADD = host/libhost.la otel/libotel.la
# the host beside nginx
noinst_PROGRAMS += %D%/bench-sink %D%/bench-paced
%C%_bench_sink_SOURCES = %D%/bench-sink.c %D%/bench-receiver.h
%C%_bench_sink_LDADD =
%C%_bench_paced_SOURCES = %D%/bench-paced.c
%C%_bench_paced_LDADD =
EXTRA_DIST += %D%/bench-host.py %D%/bench-course.py %D%/plugin-small.c %D%/wrk.lua
