#!/usr/bin/env bash
# Starts an engine where none answers, with a bridge of its own and without rules in the firewall: docker-proxy publishes ports, and
# containers reach each other, this machine and nothing else.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ -n "$is_own" ] || { say "engine $(docker version --format '{{.Server.Version}}'), the machine's own"; exit 0; }
"$here/packages.sh"
if ! docker version >/dev/null 2>&1; then
  ip link show "$bridge" >/dev/null 2>&1 || { ip link add name "$bridge" type bridge; ip addr add "$network.1/24" dev "$bridge"; ip link set "$bridge" up; }
  rm -f "$state/docker.pid"
  setsid nohup dockerd --data-root "$state/data" --exec-root "$state/exec" --host "$DOCKER_HOST" --pidfile "$state/docker.pid" --bridge "$bridge" \
    --default-address-pool "base=$pool,size=24" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$state/log" 2>&1 </dev/null &
  within 60 docker version || { tail -20 "$state/log" >&2; exit 1; }
fi
say "engine $(docker version --format '{{.Server.Version}}')"
