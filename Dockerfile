# The gateway as an image without shell, package manager and root: docker build --tag durable-gateway .
#   docker run --read-only --volume durable-gateway:/data --publish 8080:8080 durable-gateway --upstream http://my-service:5000
# For more platforms than one: docker buildx build --platform linux/amd64,linux/arm64 .

# The compiler runs on the machine's own platform, and compiles for the one that is asked for.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
ARG TARGETARCH
WORKDIR /src

# What decides about packages comes first: as long as it is the same, so is this layer.
COPY global.json Directory.Build.props Directory.Packages.props Package.props BannedSymbols.txt ./
COPY gateway/Gateway.csproj gateway/
RUN dotnet restore gateway/Gateway.csproj --arch $TARGETARCH -p:PublishReadyToRun=true

COPY .editorconfig ./
COPY gateway/ gateway/
COPY config/egress.md config/
RUN dotnet publish gateway/Gateway.csproj --no-restore --configuration Release --arch $TARGETARCH --no-self-contained -p:PublishReadyToRun=true --output out/app
# docker stop gives ten seconds: attempts may go on for six of them. A file beside appsettings.json, so that all other sources win over it.
RUN echo '{ "Durable": { "ShutdownTimeout": "00:00:06" } }' >out/app/appsettings.Production.json
RUN mkdir out/data

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Durable Gateway" \
      org.opencontainers.image.description="A reverse proxy that makes existing HTTP services fault-tolerant." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The Durable Gateway authors" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# DataDirectory: where the volume is. Polling: files mounted from a ConfigMap are replaced by turning a link, which no watch notices.
# Diagnostics would want to write to /tmp. The base image's port is not for the gateway, which has listeners of its own.
ENV Durable__Store__DataDirectory=/data \
    DOTNET_USE_POLLING_FILE_WATCHER=1 \
    DOTNET_EnableDiagnostics=0 \
    ASPNETCORE_HTTP_PORTS=

COPY --from=build /src/out/app/ /app/
COPY --from=build --chown=1654:1654 /src/out/data/ /data/

# The user "app" of the base image, as a number, so that Kubernetes can tell that it is not root.
USER 1654:1654
WORKDIR /data
VOLUME /data
# The control listener (8081) is on loopback until Durable:Listeners:Control says otherwise.
EXPOSE 8080

# Each probe starts a process: seldom once the gateway is up, and often while it starts. Its own limit is four seconds.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s CMD ["/app/gateway", "healthcheck"]
ENTRYPOINT ["/app/gateway"]
