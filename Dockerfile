# A small image of the server: Debian at its smallest, the program, and the certificates of the public authorities.
#
# Mount a volume at /var/lib/countersign, and the key file, readable by user 10001 alone, at
# /etc/countersign/countersign.key. What is set stands in packaging/container.toml, which is /etc/countersign/countersign.toml
# in the image: mount a file of your own over it, or give settings in the environment.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package countersign-server \
    && install -D --mode 755 target/release/countersign /out/countersign \
    && install -D --mode 644 packaging/container.toml /out/countersign.toml \
    && install -D --mode 644 /etc/ssl/certs/ca-certificates.crt /out/ca-certificates.crt \
    && install -d --owner 10001 --group 10001 --mode 700 /out/state

FROM debian:bookworm-slim
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/countersign /usr/local/bin/countersign
COPY --from=build /out/countersign.toml /etc/countersign/countersign.toml
COPY --from=build --chown=10001:10001 /out/state /var/lib/countersign
USER 10001:10001
WORKDIR /var/lib/countersign
ENV COUNTERSIGN_CONFIG=/etc/countersign/countersign.toml
VOLUME /var/lib/countersign
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["countersign", "health"]
ENTRYPOINT ["countersign"]
CMD ["serve"]
