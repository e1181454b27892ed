#!/usr/bin/env bash
# The Compose example, all but Grafana: it books a trip, its search step runs once, Prometheus scrapes the gateway, the collector gets traces.
set -euo pipefail
# shellcheck source=tests/docker/engine/common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
public=$(free_port) control=$(free_port) prometheus=$(free_port)
work=$(mktemp -d)
services=(redis trip-booker collector prometheus gateway)
# Docker's names need rules in the firewall of each container. An engine of our own has none, so its containers have fixed addresses.
addresses=() hosts=""
for index in "${!services[@]}"; do
  addresses+=("$compose_network.$((10 + index))")
  hosts="$hosts\"${services[index]}:$compose_network.$((10 + index))\", "
done
{
  echo "services:"
  for index in "${!services[@]}"; do
    echo "  ${services[index]}:"
    case ${services[index]} in
      gateway) echo "    ports: !override [\"127.0.0.1:$public:8080\", \"127.0.0.1:$control:8081\"]" ;;
      prometheus) echo "    ports: !override [\"127.0.0.1:$prometheus:9090\"]" ;;
      *) echo "    labels: {}" ;;
    esac
    [ -z "$is_own" ] || printf '    networks: { default: { ipv4_address: %s } }\n    extra_hosts: [%s]\n' "${addresses[index]}" "${hosts%, }"
  done
  [ -z "$is_own" ] || echo "networks: { default: { ipam: { config: [{ subnet: $compose_network.0/24 }] } } }"
} >"$work/overrides.yaml"
compose=(docker compose --project-name "durable-check-$$" --file "$project/config/compose/compose.yaml" --file "$work/overrides.yaml")
trap '"${compose[@]}" down --volumes >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
fail() { echo "$*" >&2; "${compose[@]}" logs --tail 20 >&2 || true; exit 1; }

"${compose[@]}" up --detach --no-build "${services[@]}" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "it does not start"; }
within 120 curl -sf "http://127.0.0.1:$control/readyz" || fail "the gateway does not become ready"
curl -sSL --max-time 90 --json '{"from":"BER","to":"LIS"}' "http://127.0.0.1:$public/booking" | grep -q TRIP- || fail "no trip was booked"
[ "$("${compose[@]}" logs trip-booker | grep -c 'executing  search')" = 1 ] || fail "the step 'search' did not run once"
scraped() { curl -s "http://127.0.0.1:$prometheus/api/v1/query?query=up" | grep -q '"job":"durable-gateway"},"value":\[[0-9.]*,"1"'; }
within 90 scraped || fail "Prometheus does not scrape the gateway"
traced() { "${compose[@]}" logs collector | grep -q TraceService; }
within 60 traced || fail "the collector gets no traces"
say "compose: a trip is booked, its search ran once, Prometheus scrapes, the collector gets traces"
