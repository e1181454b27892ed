#!/usr/bin/env bash
# The image, used as the README says: it becomes healthy on a read-only root as a user that is not root, brings a request home after a failure, keeps
# its runs through docker kill, drains on docker stop, and exits in time where its collector never answers.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
name=durable-gateway-check-$$
# Where containers reach this machine.
host=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
port=$(free_port) upstream=$(free_port) silent=$(free_port)
node "$here/flaky.mjs" "$upstream" "$host" & service=$!
node "$here/silent.mjs" "$silent" "$host" & collector=$!
trap '{ kill $service $collector; docker rm --force --volumes $name; docker volume rm $name; } >/dev/null 2>&1 || true' EXIT

fail() { echo "$*" >&2; docker logs --tail 30 "$name" >&2 || true; exit 1; }
is() { [ "$1" = "$2" ] || fail "expected '$2', and got '$1'"; }
state() { docker inspect --format "{{.State.$1}}" "$name"; }
is_healthy() { [ "$(state Health.Status)" = healthy ]; }
url=http://127.0.0.1:$port

# docker stop gives ten seconds unless it is told otherwise: the image's own ShutdownTimeout fits them.
docker run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges --volume "$name:/data" --publish "127.0.0.1:$port:8080" \
  --env "OTEL_EXPORTER_OTLP_ENDPOINT=http://$host:$silent" "$image" --upstream "http://$host:$upstream" >/dev/null
within 90 curl -sf "$url/hello" || fail "it does not answer"
within 90 is_healthy || fail "it does not become healthy"
grep -q '^Uid:.1654' "/proc/$(state Pid)/status" || fail "it does not run as user 1654"
say "image: healthy, read-only, not root"

is "$(curl -sSL --max-time 60 -d x "$url/flaky/1")" "call 2"
say "image: a request that fails once comes home"

location=$(curl -sS -D - -o /dev/null -d x "$url/flaky/2" | awk 'tolower($1) == "location:" { print $2 }' | tr -d '\r')
docker kill "$name" >/dev/null
docker start "$name" >/dev/null
within 90 curl -sf "$url/hello" || fail "it does not answer after docker kill"
case $location in http*) ;; *) location=$url$location ;; esac
is "$(curl -sSL --max-time 90 "$location")" "call 2"
say "image: docker kill loses no run"

answer=$(mktemp)
curl -sS --max-time 30 "$url/slow" >"$answer" & client=$!
sleep 1.5
began=$SECONDS
docker stop "$name" >/dev/null
wait $client || fail "docker stop cut a client off"
is "$(cat "$answer")" slow
rm -f "$answer"
is "$(state ExitCode)" 0
say "image: docker stop drains, in $((SECONDS - began)) s"
