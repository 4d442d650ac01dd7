# Sluice: the router, the admin CLI and the simulated region in one image.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/setup scripts/setup
RUN scripts/setup && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make -j"$(nproc)" BUILD=build/image all \
    && make BUILD=build/image install DESTDIR=/out \
    && install -m 755 build/image/sluice-region /out/usr/local/bin/ \
    && strip /out/usr/local/bin/*

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libevent-2.1-7 \
       libevent-openssl-2.1-7 libcurl4 libjansson4 libhiredis0.14 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin sluice
COPY --from=build /out/usr/local /usr/local
USER sluice
EXPOSE 8080 9090
# SIGTERM drains: give it the config's drain_delay and drain_timeout (docker stop -t).
STOPSIGNAL SIGTERM
ENTRYPOINT ["sluice-router"]
CMD ["-c", "/etc/sluice/router.json"]
