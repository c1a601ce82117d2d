# SPDX-License-Identifier: Apache-2.0
# One file, three images:
#	build		compiler, sources, the build folder: what docker-compose-services.yml's `build` is
#	workshop	and what a learner needs besides: host, station and guide, installed
#	(the last)	the host and its services with what they need at run time, and no more

FROM debian:12-slim AS build
WORKDIR /src
# The packages first: they change less often than the sources.
COPY bootstrap ./
RUN ./bootstrap packages && rm -rf /var/lib/apt/lists/* _build
COPY . .
RUN ./bootstrap configure && mkdir -p _build && cd _build \
	&& ../configure -q --prefix=/opt/cupola && make -s -j"$(nproc)" && make -s install DESTDIR=/out
CMD ["/src/etc/docker/rebuild", "wait"]

FROM build AS workshop
RUN apt-get -q update && apt-get -q -y install --no-install-recommends curl less nano vim-tiny gdb socat \
	&& rm -rf /var/lib/apt/lists/* \
	&& make -s -C _build install && useradd --create-home learner \
	&& install -d -o learner /home/learner/cupola-workshop \
	&& install -m 755 etc/docker/workshop /usr/local/bin/cupola-workshop-container
# Sockets do not live in folders that are shared with macOS or Windows.
ENV PATH=/opt/cupola/bin:$PATH PKG_CONFIG_PATH=/opt/cupola/lib/pkgconfig CUPOLA_WORKSHOP_RUN=/tmp/cupola-workshop
USER learner
WORKDIR /home/learner/cupola-workshop
EXPOSE 15000 15050 15051
ENTRYPOINT ["cupola-workshop-container"]

FROM debian:12-slim
RUN apt-get -q update && apt-get -q -y install --no-install-recommends \
		libevent-core-2.1-7 libjansson4 libcurl4 libprotobuf-c1 libnghttp2-14 zlib1g curl \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --system --home-dir /nonexistent cupola && install -d -o cupola -m 700 /run/cupola
COPY --from=build /out/opt/cupola /opt/cupola
COPY etc/docker/host.conf /etc/cupola/host.conf
# Nothing to build with, and nothing of the workshop.
RUN cd /opt/cupola && rm -rf include lib/pkgconfig lib/*.a lib/*.la lib/cupola/plugins/*.la lib/cupola/plugins/guide.so \
	share/man share/cupola/workshop libexec
ENV PATH=/opt/cupola/bin:$PATH
USER cupola
EXPOSE 5000 5090
HEALTHCHECK --interval=5s --timeout=3s --retries=6 --start-period=10s \
	CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:5090/healthz"]
ENTRYPOINT ["cupola", "run", "-c", "/etc/cupola/host.conf"]
