#!/usr/bin/env bash
# Stops the engine that start.sh started. Its packages and images stay for the next run.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ -e "$state/docker.pid" ] || exit 0
engine=$(cat "$state/docker.pid")
kill "$engine" 2>/dev/null || true
gone() { ! kill -0 "$engine" 2>/dev/null; }
within 30 gone || true
ip link del "$bridge" 2>/dev/null || true
