# The server in a container: docker build -t usher .
#
#   BUILD_IMAGE   Rust and a C compiler; its C library is the final image's or an older one
#   BASE_IMAGE    what `usher` is put on: any image with a C library, a shell is not needed
#   PROFILE       cargo's profile; dev compiles faster
#
# Docker's older builder can build it too: no mounts, no heredocs.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# Manifests, and an empty file in place of each crate's own: a change of code leaves this as it is, so that the next
# stage, with all dependencies built, is taken from the cache.
FROM ${BUILD_IMAGE} AS manifests
LABEL dev.usher.stage=manifests
WORKDIR /usher
COPY . .
RUN roots=$(cargo metadata --no-deps --offline --format-version 1 | grep -o '"src_path":"[^"]*"' | cut -d '"' -f 4) \
 && test -n "$roots" \
 && find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete \
 && for root in $roots; do mkdir -p "${root%/*}" && echo '#![allow(warnings)] pub fn main() {}' >"$root"; done \
 && find . -type d -empty -delete

FROM ${BUILD_IMAGE} AS dependencies
ARG PROFILE=release
# What only a second build in the same place, or a debugger there, would read.
ENV CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=none
WORKDIR /usher
COPY --from=manifests /usher .
RUN cargo build --locked --package usher-server --profile "$PROFILE"

FROM dependencies AS build
LABEL dev.usher.stage=build
ARG PROFILE=release
COPY . .
# Cargo goes by times, and a file that was last edited before the stage above was built would count as built.
RUN find adapters apps domain -name '*.rs' -exec touch {} + \
 && cargo build --locked --package usher-server --profile "$PROFILE" \
 && mkdir -p /image/data \
 && cp target/*/usher /image/usher \
 && rm -r target

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Usher" \
      org.opencontainers.image.description="A per-user profile API" \
      org.opencontainers.image.licenses="Apache-2.0"
# Issuers' key sets and DynamoDB are asked over TLS, with the authorities that the system trusts. SSL_CERT_FILE names others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /image/usher /usr/local/bin/usher
# SQLite's file is here unless store.url says otherwise; nothing else is written.
COPY --from=build --chown=10001:10001 /image/data /data
# A number, for those who must be sure that it is not root's without asking the image.
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["usher", "health"]
ENTRYPOINT ["usher"]
CMD ["serve"]
