#!/usr/bin/env bash
# Unpacks Debian packages beside the system: a Docker engine with its plugins, Prometheus, Redis, Valkey, and what their containers need.
# They come from trixie by apt with lists of its own. The engine's Go programs need glibc 2.34, which bookworm has.
# Nothing is installed into the system, but runc where there is none.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ ! -e "$state/unpacked" ] || exit 0
[ "$(uname -m)" = x86_64 ] || { echo "the stand-ins are made for x86-64 only" >&2; exit 1; }
command -v dpkg >/dev/null || { echo "the packages are those of Debian: there is no dpkg" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "only root can unpack them and start an engine" >&2; exit 1; }

in_containers="base-files dash coreutils sed grep ca-certificates tzdata libicu76 libssl3t64 libstdc++6 zlib1g redis-server valkey-server"
for_engine="docker.io docker-cli containerd docker-buildx docker-compose prometheus"

mkdir -p "$state"/{apt/lists/partial,apt/etc,debs/partial,engine-debs,engine,tree,config/cli-plugins}
: >"$state/apt/status"

# The mirror is the one that this machine's own apt uses.
mirror=$({ grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null || true; } | sed -n 1p | tr -d ' ')
[ -n "$mirror" ] || { echo "no Debian mirror is in the apt sources of this machine" >&2; exit 1; }
cat >"$state/apt/etc/trixie.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
cat >"$state/apt/conf" <<CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$state/apt/etc";
Dir::State::Lists "$state/apt/lists";
Dir::State::status "$state/apt/status";
Dir::Cache::archives "$state/debs";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
CONF

(
  export APT_CONFIG=$state/apt/conf
  apt-get update -qq
  # shellcheck disable=SC2086 # lists
  apt-get install -qq -y --download-only --no-install-recommends $in_containers >/dev/null
  # shellcheck disable=SC2086
  cd "$state/engine-debs" && apt-get download -qq $for_engine 2>/dev/null
)
# The links of base-files (bin to usr/bin) have to be there before anything else is.
dpkg -x "$state"/debs/base-files_*.deb "$state/tree"
for package in "$state"/debs/*.deb; do dpkg -x "$package" "$state/tree"; done
for package in "$state"/engine-debs/*.deb; do dpkg -x "$package" "$state/engine"; done
ln -sf dash "$state/tree/usr/bin/sh"
for plugin in "$state"/engine/usr/libexec/docker/cli-plugins/*; do ln -sf "$plugin" "$state/config/cli-plugins/"; done
command -v runc >/dev/null || { apt-get update -qq; apt-get install -qq -y --no-install-recommends runc >/dev/null; }
rm -rf "$state/debs" "$state/engine-debs"
touch "$state/unpacked"
