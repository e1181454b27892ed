#!/usr/bin/env bash
# Makes stand-ins for images, under the very tags that the project names, for an engine that reaches no registry. An engine that is
# the machine's own gets the real ones. They belong to this test's set-up, and never to the product.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ -n "$is_own" ] || exit 0
# Where the SDK is: what is on the PATH may be a script that starts it.
dotnet=$(dirname "$(dotnet --list-sdks | tail -1 | sed 's/.*\[\(.*\)\]/\1/')")
tree=$state/tree
root=""

has() { docker image inspect "$1" >/dev/null 2>&1; }

# The SDK: the packages' tree with this machine's SDK and the certificates that it trusts.
sdk() {
  local tag=mcr.microsoft.com/dotnet/sdk:10.0-noble
  ! has $tag || return 0
  mkdir -p "$tree/etc/ssl/certs" "$tree/tmp" "$tree/root"
  chmod 1777 "$tree/tmp"
  cp --dereference /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
  [ -e "$tree/etc/passwd" ] || { echo 'root:x:0:0::/root:/bin/sh' >"$tree/etc/passwd"; echo 'root:x:0:' >"$tree/etc/group"; }
  tar -c -C "$tree" --exclude=./usr/share/{doc,man,locale} . -C / --transform "s,^${dotnet#/},./usr/share/dotnet," "${dotnet#/}" |
    docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/share/dotnet HOME=/root' \
      -c 'ENV APP_UID=1654 DOTNET_RUNNING_IN_CONTAINER=true DOTNET_GENERATE_ASPNET_CERTIFICATE=false DOTNET_NOLOGO=true' \
      -c 'ENV DOTNET_USE_POLLING_FILE_WATCHER=true NUGET_XMLDOC_MODE=skip NUGET_CERT_REVOCATION_MODE=offline DOTNET_CLI_TELEMETRY_OPTOUT=1' \
      -c 'CMD ["/bin/sh"]' - $tag >/dev/null
}

new_root() {
  root=$(mktemp -d)
  chmod 755 "$root"
  mkdir -p "$root"/{usr/bin,usr/lib64,"$libraries",dev,proc,sys,tmp,etc/ssl/certs}
  chmod 1777 "$root/tmp"
  local link
  for link in bin lib lib64; do ln -s "usr/$link" "$root/$link"; done
}

import() { # <tag> <changes…>
  local tag=$1
  shift
  tar -c -C "$root" . | docker import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' "$@" - "$tag" >/dev/null
}

# The program's libraries, from this machine.
libraries_of() {
  local file
  ldd "$1" | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r file; do cp --dereference "$file" "$root/$libraries/"; done
  mv "$root/$libraries"/ld-linux*.so.* "$root/usr/lib64/" 2>/dev/null || true
}

# As dotnet/dotnet-docker makes it: glibc, libgcc, libstdc++, OpenSSL, certificates and the runtimes. It has no shell, no ICU and no time
# zones, and an entry point that ours has to replace.
runtime() {
  local tag=mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled name
  ! has $tag || return 0
  new_root
  for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libutil.so.1 libanl.so.1 libnss_files.so.2 libnss_dns.so.2 libgcc_s.so.1 \
    libstdc++.so.6 libssl.so.3 libcrypto.so.3; do
    cp --dereference "/$libraries/$name" "$root/$libraries/"
  done
  cp --dereference /lib64/ld-linux-x86-64.so.2 "$root/usr/lib64/"
  cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'root:x:0:0:root:/root:/bin/bash\napp:x:1654:1654::/home/app:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\napp:x:1654:\n' >"$root/etc/group"
  mkdir -p "$root/home" "$root/usr/share/dotnet"
  install -d -m 755 -o 1654 -g 1654 "$root/home/app"
  cp -a "$dotnet"/{dotnet,host,shared} "$root/usr/share/dotnet/"
  ln -s /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
  import $tag -c 'ENV APP_UID=1654 ASPNETCORE_HTTP_PORTS=8080 DOTNET_RUNNING_IN_CONTAINER=true DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true' \
    -c 'USER 1654' -c 'ENTRYPOINT ["/usr/bin/dotnet"]' -c 'CMD ["--info"]'
  rm -rf "$root"
}

# A server of the packages' tree with all that it needs, started as the official entry point does.
server() { # <program> <cli> <tags…>
  local program=$1 cli=$2 file tag
  shift 2
  ! has "$1" || return 0
  new_root
  mkdir -p "$root/data" "$root/usr/local/bin"
  chown 999:999 "$root/data"
  for file in "$program" "$cli" dash; do "$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$tree/$libraries" --list "$tree/usr/bin/$file"; done |
    grep -oE '[a-zA-Z0-9_+.-]+\.so[.0-9]*' | sort -u | while read -r file; do
    [ ! -e "$tree/$libraries/$file" ] || cp --dereference "$tree/$libraries/$file" "$root/$libraries/"
  done
  cp --dereference "$tree/usr/lib64/ld-linux-x86-64.so.2" "$root/usr/lib64/"
  cp --dereference "$tree/usr/bin/$program" "$tree/usr/bin/$cli" "$root/usr/local/bin/"
  cp "$tree/usr/bin/dash" "$root/usr/bin/sh"
  # Valkey's installation makes this link, and Testcontainers asks by it.
  [ "$cli" = redis-cli ] || ln -s "$cli" "$root/usr/local/bin/redis-cli"
  cat >"$root/usr/local/bin/docker-entrypoint.sh" <<ENTRY
#!/bin/sh
case \$1 in -* | *.conf) set -- $program "\$@" ;; esac
[ "\$1" != $program ] || set -- "\$@" --protected-mode no
exec "\$@"
ENTRY
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
  for tag; do
    import "$tag" -c 'USER 999:999' -c 'WORKDIR /data' -c 'VOLUME /data' -c 'EXPOSE 6379' -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c "CMD [\"$program\"]"
  done
  rm -rf "$root"
}

prometheus() {
  local tag=prom/prometheus:v3.5.0
  ! has $tag || return 0
  new_root
  mkdir -p "$root/prometheus"
  chown 65534:65534 "$root/prometheus"
  cp "$state/engine/usr/bin/prometheus" "$root/usr/bin/"
  libraries_of "$state/engine/usr/bin/prometheus"
  import $tag -c 'USER 65534' -c 'WORKDIR /prometheus' -c 'VOLUME /prometheus' -c 'EXPOSE 9090' -c 'ENTRYPOINT ["/bin/prometheus"]'
  rm -rf "$root"
}

collector() {
  local tag=otel/opentelemetry-collector-contrib:0.135.0 node
  ! has $tag || return 0
  new_root
  node=$(readlink -f "$(command -v node)")
  cp "$node" "$root/usr/bin/node"
  libraries_of "$node"
  cp "$here/collector.mjs" "$root/"
  import $tag -c 'USER 10001' -c 'EXPOSE 4317 8889' -c 'ENTRYPOINT ["/bin/node", "/collector.mjs"]'
  rm -rf "$root"
}

sdk
runtime
server redis-server redis-cli redis:8 redis:8-alpine
server valkey-server valkey-cli valkey/valkey:8
prometheus
collector
say "images"
