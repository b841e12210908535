# fanmail as an image: docker build -t fanmail . (docs/deploy.md)

FROM docker.io/library/rust:1.95-bookworm AS build
# Which commit this is, for `fanmail --version`: the folder .git is not copied.
ARG FANMAIL_COMMIT=""
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb-dev libpq-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features postgres,mysql \
    && cp target/release/fanmail /usr/bin/fanmail

FROM docker.io/library/debian:bookworm-slim
# libmariadb3 with its security updates: one version before them returns texts empty, and fanmail refuses it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libmariadb3 libpq5 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/fanmail
COPY --from=build /usr/bin/fanmail /usr/bin/fanmail
# Nobody: the number is free in Debian, and no name is needed.
USER 10001:10001
WORKDIR /var/lib/fanmail
# For the health check below. Other machines do not reach it.
ENV HTTP_ADDR=127.0.0.1:9090
# Whether the process works. Not whether broker, database and relay do: a restart would not repair them.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q ' 200 ' <&3"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/fanmail"]
CMD ["worker"]
