# Sourced by the scripts beside it: where their state is, and what all of them use.
#   DURABLE_GATEWAY_ENGINE   folder of the engine, its images and the unpacked packages; kept from one run to the next
state=${DURABLE_GATEWAY_ENGINE:-${TMPDIR:-/tmp}/durable-gateway-engine}
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
project=$(readlink -f "$here/../../..")
bridge=${DURABLE_GATEWAY_BRIDGE:-durable0}
# The network of the bridge, where this machine is .1, that of the Compose example, and the pool for all others.
network=${DURABLE_GATEWAY_NETWORK:-172.30.77}
compose_network=${DURABLE_GATEWAY_COMPOSE_NETWORK:-172.30.78}
pool=${DURABLE_GATEWAY_POOL:-172.31.128.0/17}
libraries=usr/lib/$(uname -m)-linux-gnu
image=durable-gateway:0.1.0
sample_image=durable-gateway-trip-booker:0.1.0

# An engine that answers already is used as it is; otherwise it is ours.
if [ -z "${DURABLE_GATEWAY_OWN_ENGINE:-}" ] && command -v docker >/dev/null && timeout 20 docker version >/dev/null 2>&1; then
  is_own=""
else
  is_own=1
  export DURABLE_GATEWAY_OWN_ENGINE=1
  export DOCKER_HOST=unix://$state/docker.sock DOCKER_CONFIG=$state/config PATH=$state/engine/usr/sbin:$state/engine/usr/bin:$PATH
fi

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
within() { # <seconds> <command…>
  local seconds=$1 deadline=$((SECONDS + $1)); shift
  while [ $SECONDS -lt $deadline ]; do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  echo "not within $seconds s: $*" >&2
  return 1
}
