# A small image of the server. Mount a volume at /var/lib/countersign, and the configuration and the key file at
# /etc/countersign, the key file readable by user 10001 alone.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package countersign-server \
    && install -D --mode 755 target/release/countersign /out/countersign \
    && install -d --owner 10001 --group 10001 --mode 700 /out/state

FROM debian:bookworm-slim
COPY --from=build /out/countersign /usr/local/bin/countersign
COPY --from=build --chown=10001:10001 /out/state /var/lib/countersign
USER 10001:10001
WORKDIR /var/lib/countersign
ENV COUNTERSIGN_DATABASE_URL=sqlite:///var/lib/countersign/countersign.db \
    COUNTERSIGN_KEY_FILE=/etc/countersign/countersign.key \
    COUNTERSIGN_LOG_FORMAT=json
VOLUME /var/lib/countersign
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["countersign", "health"]
ENTRYPOINT ["countersign"]
CMD ["serve"]
